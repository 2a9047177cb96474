/* A BIO over a wire: see bio.h. */
#include "net/tls/bio.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

/* What a wire has room for at first: an echo of a whole scratch, with its records. */
#define ROOM_FIRST 98304

static BIO_METHOD *method;

static int
bio_read(BIO *bio, char *data, int size)
{
	struct tls_wire *wire = BIO_get_data(bio);
	size_t n = size > 0 ? (size_t)size : 0;

	BIO_clear_retry_flags(bio);
	if (wire->in_size == 0) {
		wire->is_starved = true;
		BIO_set_retry_read(bio);
		return -1;
	}
	if (n > wire->in_size)
		n = wire->in_size;
	memcpy(data, wire->in, n);
	wire->in += n;
	wire->in_size -= n;
	return (int)n;
}

static bool
make_room(struct tls_wire *wire, size_t size)
{
	size_t room = wire->out_room > 0 ? wire->out_room : ROOM_FIRST;
	uint8_t *out;

	while (room - wire->out_size < size)
		room *= 2;
	if (room == wire->out_room)
		return true;
	out = realloc(wire->out, room);
	if (out == NULL)
		return false;
	wire->out = out;
	wire->out_room = room;
	return true;
}

/* It takes all: that the socket does not is the caller's to see. */
static int
bio_write(BIO *bio, const char *data, int size)
{
	struct tls_wire *wire = BIO_get_data(bio);

	BIO_clear_retry_flags(bio);
	if (size <= 0)
		return 0;
	if (!make_room(wire, (size_t)size))
		return -1;
	memcpy(wire->out + wire->out_size, data, (size_t)size);
	wire->out_size += (size_t)size;
	return size;
}

/* 0 to all that it does not know, such as what is asked for kernel TLS. */
static long
bio_ctrl(BIO *bio, int command, long number, void *pointer)
{
	(void)bio;
	(void)number;
	(void)pointer;
	return command == BIO_CTRL_FLUSH;
}

bool
bio_initialise(void)
{
	const int type = BIO_get_new_index();

	if (method != NULL)
		return true;
	if (type == -1)
		return false;
	method = BIO_meth_new(type | BIO_TYPE_SOURCE_SINK, "wire");
	return method != NULL && BIO_meth_set_read(method, bio_read) == 1 &&
	    BIO_meth_set_write(method, bio_write) == 1 &&
	    BIO_meth_set_ctrl(method, bio_ctrl) == 1;
}

BIO *
bio_new(struct tls_wire *wire)
{
	BIO *bio = BIO_new(method);

	if (bio == NULL)
		return NULL;
	BIO_set_data(bio, wire);
	BIO_set_init(bio, 1);
	return bio;
}
