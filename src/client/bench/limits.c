/* What of this host limits how many connections there can be: see limits.h. */
#include "client/bench/limits.h"

#include <stdio.h>
#include <string.h>

#include "client/descriptors.h"

/* Descriptors beside those of connections: of the program, and of each thread. */
#define SPARE 64
#define SPARE_OF_THREAD 8

/* How long the kernel keeps a port whose connection is closed: seconds. */
#define TIME_WAIT 60

/* The kernel's own default, where it does not say. */
static const unsigned default_ports = 28232;

/* How many ports the kernel gives to connections from one address to one port. */
static unsigned
count_ports(void)
{
	FILE *file = fopen("/proc/sys/net/ipv4/ip_local_port_range", "re");
	unsigned low, high, count = default_ports;

	if (file == NULL)
		return count;
	if (fscanf(file, "%u %u", &low, &high) == 2 && low <= high && high <= 65535)
		count = high - low + 1;
	fclose(file);
	return count;
}

static size_t
count_sources(const struct plan *plan)
{
	return plan->source_count > 0 ? plan->source_count : 1;
}

static const char *
check_ports(const struct plan *plan, char text[LIMITS_TEXT_SIZE])
{
	const unsigned ports = count_ports();

	if (!protocol_has_ports(plan->wish->uri.protocol) ||
	    plan->connections <= ports * count_sources(plan))
		return NULL;
	snprintf(text, LIMITS_TEXT_SIZE, "-n %zu: an address has %u ports to connect from "
	    "(net.ipv4.ip_local_port_range): give more addresses by --source",
	    plan->connections, ports);
	return text;
}

const char *
limits_prepare(const struct plan *plan, char text[LIMITS_TEXT_SIZE])
{
	const size_t needed = plan->connections + plan->threads * SPARE_OF_THREAD + SPARE;
	const size_t most = descriptors_prepare(needed);

	if (most > 0) {
		snprintf(text, LIMITS_TEXT_SIZE, "-n %zu: this process may have %zu descriptors "
		    "(ulimit -Hn), and needs %zu", plan->connections, most, needed);
		return text;
	}
	return check_ports(plan, text);
}

/* A name may be that of any host, but for one. */
static bool
is_of_loopback(const struct plan *plan)
{
	const char *host = plan->wish->uri.host;
	struct address address;

	return !protocol_has_ports(plan->wish->uri.protocol) || strcmp(host, "localhost") == 0 ||
	    (address_parse(&address, host, 0) && address_is_loopback(&address));
}

const char *
limits_churn(const struct plan *plan, char text[LIMITS_TEXT_SIZE])
{
	const double most = (double)count_ports() * (double)count_sources(plan) / TIME_WAIT;

	if (!plan->churn || is_of_loopback(plan) || (plan->rate > 0 && plan->rate <= most))
		return NULL;
	snprintf(text, LIMITS_TEXT_SIZE, "%zu source address%s open%s some %.0f connections a second, "
	    "not more for long: a port stays taken for %d s (TIME_WAIT); give more by --source",
	    count_sources(plan), count_sources(plan) == 1 ? "" : "es",
	    count_sources(plan) == 1 ? "s" : "", most, TIME_WAIT);
	return text;
}
