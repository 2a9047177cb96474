/*
 * The status page at /: page.html with page.css and page.js in it, as embed.sh puts them together
 * when echod is built.
 */
#ifndef DAEMON_OBSERVE_PAGE_PAGE_H
#define DAEMON_OBSERVE_PAGE_PAGE_H

#include <stddef.h>

/* No string: there is no NUL at its end. */
extern const unsigned char page_html[];
extern const size_t page_html_size;

/*
 * The field of the answer's head that lets a browser run this script and use these styles, ask this
 * server, and nothing else (Content-Security-Policy); with its end of line.
 */
extern const char page_fields[];

#endif
