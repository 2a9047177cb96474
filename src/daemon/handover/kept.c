/* The successor that starts with a parcel: see kept.h. */
#include "daemon/handover/kept.h"

#include <errno.h>
#include <unistd.h>

bool
kept_look_again(struct kept *kept, struct faults *faults)
{
	char why[PARCEL_WHY_SIZE];

	cargo_free(&kept->cargo);
	if (cargo_look(&kept->cargo, kept->receiving, why))
		return true;
	faults_blame(faults, EAGAIN);
	faults_add(faults, "cannot take over from the service manager: its parcel: %s", why);
	return false;
}

bool
kept_look(struct kept *kept, const int *fds, size_t count, struct faults *faults)
{
	*kept = (struct kept){ .receiving = -1 };
	for (size_t i = 0; i < count; i++)
		if (kept->receiving == -1 && !flight_is_empty(fds[i]))
			kept->receiving = fds[i];
		else
			close(fds[i]);
	return kept->receiving == -1 || kept_look_again(kept, faults);
}

void
kept_free(struct kept *kept)
{
	cargo_free(&kept->cargo);
	if (kept->receiving != -1)
		close(kept->receiving);
	kept->receiving = -1;
}

const char *
kept_configuration(struct kept *kept)
{
	struct parcel_item item;
	size_t descriptor;

	parcel_rewind(&kept->cargo.parcel);
	while (parcel_next(&kept->cargo.parcel, &item, &descriptor))
		if (item.kind == PARCEL_SERVICE)
			return item.service.configuration;
	return "";
}

bool
kept_take(const struct kept *kept)
{
	return flight_take(kept->receiving);
}
