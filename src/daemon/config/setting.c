/* Values that are given: see setting.h. */
#include "daemon/config/setting.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/config/list_text.h"
#include "daemon/config/value.h"

const char *
setting_show(const char *text, char shown[ESCAPE_TEXT_SIZE])
{
	const size_t length = strlen(text);

	for (size_t i = 0; i < length; i++)
		if (!isgraph((unsigned char)text[i]) || strchr("\"'\\", text[i]) != NULL)
			return escape_payload(text, length, shown);
	if (length == 0 || length > ESCAPE_SHOWN)
		return escape_payload(text, length, shown);
	return memcpy(shown, text, length + 1);
}

/* "limits.connections = x: give ...", or, where the place shows all of it, "give ...". */
static void
add_value_fault(const struct setting *setting, const char *value, const char *right,
    struct faults *faults)
{
	char shown[ESCAPE_TEXT_SIZE];

	if (setting->subject != NULL)
		faults_add_at(faults, setting->place, "%s = %s: %s", setting->subject,
		    setting_show(value, shown), right);
	else if (setting->entry->is_list && value_is_list(setting->entry->row))
		faults_add_at(faults, setting->place, "%s: %s", setting_show(value, shown), right);
	else
		faults_add_at(faults, setting->place, "%s", right);
}

static char *
copy(const char *text, size_t length, struct faults *faults)
{
	char *new = strndup(text, length);

	if (new == NULL) {
		faults_add(faults, "%s", strerror(ENOMEM));
		faults_blame(faults, ENOMEM);
	}
	return new;
}

/* Returns the element without its escapes, which libconfuse knows, for free(); or NULL. */
static char *
read_element(const struct setting *setting, const struct list_element *element,
    struct faults *faults)
{
	struct config_entry entry;
	char *text;
	bool taken;

	if (!element->is_quoted || memchr(element->text, '\\', element->length) == NULL)
		return copy(element->text, element->length, faults);
	text = copy(element->text - 1, element->length + 2, faults);
	taken = text != NULL && config_value_read(&entry, text, setting->place, faults);
	free(text);
	return taken ? entry.value : NULL;
}

static bool
apply_element(const struct setting *setting, const struct list_element *element,
    struct faults *faults)
{
	char *text = read_element(setting, element, faults);
	char right[VALUE_RIGHT_SIZE];
	bool taken;

	if (text == NULL)
		return false;
	taken = value_parse(setting->entry->row, text, setting->base, right);
	if (!taken)
		add_value_fault(setting, text, right, faults);
	free(text);
	return taken;
}

/* Each element that is wrong is told with its own line. */
static bool
apply_list(const struct setting *setting, struct faults *faults)
{
	struct setting part = *setting;
	struct list_element element;
	struct list_text list;
	bool taken = true;
	int got;

	list_text_begin(&list, setting->entry->value, setting->entry->line);
	while ((got = list_text_next(&list, &element)) == 1) {
		part.place.line = setting->place.line != 0 ? element.line : 0;
		taken = apply_element(&part, &element, faults) && taken;
	}
	if (got == 0)
		return taken;
	part.place.line = setting->place.line != 0 ? list.line : 0;
	faults_add_at(faults, part.place, "%s%s%s",
	    setting->subject != NULL ? setting->subject : "",
	    setting->subject != NULL ? ": " : "", list.fault);
	return false;
}

bool
setting_apply(const struct setting *setting, struct faults *faults)
{
	const struct config_entry *entry = setting->entry;
	char right[VALUE_RIGHT_SIZE] = "give one value, not a list";

	if (value_is_list(entry->row))
		value_clear(entry->row, setting->base);
	if (entry->is_list && value_is_list(entry->row))
		return apply_list(setting, faults);
	if (!entry->is_list && value_parse(entry->row, entry->value, setting->base, right))
		return true;
	add_value_fault(setting, entry->value, right, faults);
	return false;
}
