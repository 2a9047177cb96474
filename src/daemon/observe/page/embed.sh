#!/bin/sh
# Writes C: the status page as one text, and what its answer says of it; see page.h.
#
#   embed.sh FOLDER     the folder of page.html, page.css and page.js
#
# page.html alone is the page while it is written: a browser opens it as it stands there. What a
# person alone needs, indents and lines of comment, is left out.
set -e
LC_ALL=C
export LC_ALL
cd "$1"

bare() {
	sed -e 's/^[[:blank:]]*//' -e '/^\/\/ /d' -e '/^$/d' "$1"
}

# The element's text has to be these bytes exactly: its tags stand on their lines.
page() {
	while IFS= read -r line; do
		case $line in
		'<link rel="stylesheet" href="page.css">') printf '<style>%s</style>\n' "$(bare page.css)" ;;
		'<script src="page.js"></script>') printf '<script>%s</script>\n' "$(bare page.js)" ;;
		*) printf '%s\n' "$line" ;;
		esac
	done <page.html
}

# 'sha256-…' of a file as it stands in its element: 64 hexadecimal digits, in base64.
hash() {
	printf %s "$(bare "$1")" | sha256sum | awk '{
		digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
		hex = $1 "00"
		for (i = 1; i <= 64; i += 3) {
			bits = 0
			for (j = i; j < i + 3; j++)
				bits = 16 * bits + index("0123456789abcdef", substr(hex, j, 1)) - 1
			text = text substr(digits, int(bits / 64) + 1, 1) substr(digits, bits % 64 + 1, 1)
		}
		printf "\047sha256-%s=\047", substr(text, 1, 43)
	} END { exit NR != 1 }'
}

script=$(hash page.js)
style=$(hash page.css)
bytes=$(page | od -An -v -tu1)

cat <<END
/* Made by embed.sh. */
#include "daemon/observe/page/page.h"

const unsigned char page_html[] = {
$(printf '%s\n' "$bytes" | sed -e 's/^ *//' -e 's/  */,/g' -e 's/$/,/')
};
const size_t page_html_size = sizeof(page_html);

const char page_fields[] = "Content-Security-Policy: default-src 'none'; "
	"script-src $script; style-src $style; "
	"connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; "
	"frame-ancestors 'none'\r\n";
END
