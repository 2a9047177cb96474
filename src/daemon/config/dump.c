/* Printing a configuration as the file that would give it: config_dump() of config.h. */
#include <errno.h>
#include <string.h>

#include "daemon/config/config.h"
#include "daemon/config/value.h"

/* Where the comments begin when the values leave room, with tabs of 8. */
#define COMMENT_COLUMN 32
#define TAB_WIDTH 8

static void
dump_option(const struct option_row *row, const void *base, bool indent, FILE *out)
{
	const int start = indent && fputc('\t', out) != EOF ? TAB_WIDTH : 0;
	const int name = start + fprintf(out, "%s = ", row->name);
	const int used = name + value_print(row, base, out);
	const int gap = used < COMMENT_COLUMN ? COMMENT_COLUMN - used : 0;
	char help[VALUE_RIGHT_SIZE];

	fprintf(out, "%*s # %s\n", gap, "", value_help(row, help));
}

/* Prints the rows from `row` to the end of its section; returns the row behind them. */
static const struct option_row *
dump_section(const struct option_row *row, const void *base, bool indent, FILE *out)
{
	const char *section = row->section;

	for (; row < option_rows + option_row_count && strcmp(row->section, section) == 0; row++)
		dump_option(row, base, indent, out);
	return row;
}

/* Those that it may have, from `row` to the end of all. */
static void
dump_listener(const struct option_row *row, const struct listen_config *listen, FILE *out)
{
	for (; row < option_rows + option_row_count; row++)
		if (option_is_for(row, listen->protocol))
			dump_option(row, listen, true, out);
}

static void
dump_listeners(const struct option_row *row, const struct config *config, FILE *out)
{
	for (size_t i = 0; i < config->listen_count; i++) {
		fprintf(out, "\nlisten %s {\n", config->listen[i].name);
		dump_listener(row, &config->listen[i], out);
		fputs("}\n", out);
	}
}

int
config_dump(const struct config *config, FILE *out)
{
	const struct option_row *row = option_rows;

	fputs("# The effective configuration of echod.\n", out);
	while (row < option_rows + option_row_count && !option_is_of_listener(row)) {
		if (*row->section == '\0') {
			row = dump_section(row, config, false, out);
			continue;
		}
		fprintf(out, "\n%s {\n", row->section);
		row = dump_section(row, config, true, out);
		fputs("}\n", out);
	}
	dump_listeners(row, config, out);
	if (fflush(out) == 0 && ferror(out) == 0)
		return 0;
	if (errno == 0)
		errno = EIO;
	return -1;
}
