/* Certificates that tests make as they need them, of EC P-256 and for localhost. */
#ifndef TESTS_UNIT_CERTIFICATE_H
#define TESTS_UNIT_CERTIFICATE_H

#include <stdbool.h>

struct certificate {
	char certificate[64], key[64]; /* files, of a temporary folder */
};

/* Makes a certificate for `name`, signed by itself, and its key.  Returns false where it cannot. */
bool certificate_make(struct certificate *made, const char *name);

/* Removes its files. */
void certificate_remove(const struct certificate *made);

#endif
