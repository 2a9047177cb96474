/* The keys of session tickets: see tickets.h. */
#include "net/tls/tickets.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define NAME_SIZE 16
#define SECRET_SIZE 32

struct key {
	unsigned char name[NAME_SIZE];
	unsigned char cipher[SECRET_SIZE], mac[SECRET_SIZE];
};

enum { CURRENT, FORMER, KEYS };

struct tickets {
	atomic_uint holders;
	pthread_mutex_t lock; /* of all below */
	struct key keys[KEYS];
	int64_t since; /* seconds, when the current one began */
};

static int64_t
now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec;
}

static bool
make_key(struct key *key)
{
	return RAND_bytes(key->name, sizeof(key->name)) == 1 &&
	    RAND_priv_bytes(key->cipher, sizeof(key->cipher)) == 1 &&
	    RAND_priv_bytes(key->mac, sizeof(key->mac)) == 1;
}

struct tickets *
tickets_new(void)
{
	struct tickets *tickets = calloc(1, sizeof(*tickets));

	if (tickets == NULL)
		return NULL;
	/* The former one has never sealed, but its name is not one that a peer can guess. */
	if (!make_key(&tickets->keys[CURRENT]) || !make_key(&tickets->keys[FORMER])) {
		free(tickets);
		return NULL;
	}
	atomic_init(&tickets->holders, 1);
	pthread_mutex_init(&tickets->lock, NULL);
	tickets->since = now();
	return tickets;
}

struct tickets *
tickets_hold(struct tickets *tickets)
{
	atomic_fetch_add(&tickets->holders, 1);
	return tickets;
}

void
tickets_release(struct tickets *tickets)
{
	if (tickets == NULL || atomic_fetch_sub(&tickets->holders, 1) != 1)
		return;
	pthread_mutex_destroy(&tickets->lock);
	OPENSSL_cleanse(tickets->keys, sizeof(tickets->keys));
	free(tickets);
}

/* Under the lock.  Without randomness the current one goes on. */
static void
rotate(struct tickets *tickets)
{
	const int64_t time = now(), age = time - tickets->since;
	struct key next;

	if (age < TICKETS_LIFETIME || !make_key(&next))
		return;
	/* One that sealed so long ago opens nothing any more. */
	if (age < 2 * TICKETS_LIFETIME || !make_key(&tickets->keys[FORMER]))
		tickets->keys[FORMER] = tickets->keys[CURRENT];
	tickets->keys[CURRENT] = next;
	tickets->since = time;
	OPENSSL_cleanse(&next, sizeof(next));
}

/* Copies the key of this name.  Returns which it is, or KEYS: there is none. */
static int
find_key(struct tickets *tickets, const unsigned char *name, struct key *key)
{
	int i = CURRENT;

	pthread_mutex_lock(&tickets->lock);
	rotate(tickets);
	if (name != NULL)
		while (i < KEYS && memcmp(tickets->keys[i].name, name, NAME_SIZE) != 0)
			i++;
	if (i < KEYS)
		*key = tickets->keys[i];
	pthread_mutex_unlock(&tickets->lock);
	return i;
}

static bool
set_mac(EVP_MAC_CTX *mac, struct key *key)
{
	char digest[] = "SHA256";
	OSSL_PARAM parameters[] = {
		OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_KEY, key->mac, sizeof(key->mac)),
		OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
		OSSL_PARAM_construct_end(),
	};

	return EVP_MAC_CTX_set_params(mac, parameters) == 1;
}

static int tickets_index = -1;

/* SSL_CTX_set_tlsext_ticket_key_evp_cb(3): 0 there is no such key, 2 a new ticket is due. */
static int
on_ticket(SSL *ssl, unsigned char name[NAME_SIZE], unsigned char iv[EVP_MAX_IV_LENGTH],
    EVP_CIPHER_CTX *cipher, EVP_MAC_CTX *mac, int seals)
{
	struct tickets *tickets = SSL_CTX_get_ex_data(SSL_get_SSL_CTX(ssl), tickets_index);
	struct key key;
	const int which = find_key(tickets, seals ? NULL : name, &key);
	bool done;

	if (which == KEYS)
		return 0;
	if (seals)
		memcpy(name, key.name, NAME_SIZE);
	done = set_mac(mac, &key) && (seals
	    ? RAND_bytes(iv, EVP_CIPHER_get_iv_length(EVP_aes_256_cbc())) == 1 &&
	      EVP_EncryptInit_ex(cipher, EVP_aes_256_cbc(), NULL, key.cipher, iv) == 1
	    : EVP_DecryptInit_ex(cipher, EVP_aes_256_cbc(), NULL, key.cipher, iv) == 1);
	OPENSSL_cleanse(&key, sizeof(key));
	return !done ? -1 : seals || which == CURRENT ? 1 : 2;
}

bool
tickets_serve(struct tickets *tickets, SSL_CTX *ssl)
{
	if (tickets_index == -1)
		tickets_index = SSL_CTX_get_ex_new_index(0, NULL, NULL, NULL, NULL);
	SSL_CTX_set_timeout(ssl, TICKETS_LIFETIME);
	return tickets_index != -1 && SSL_CTX_set_ex_data(ssl, tickets_index, tickets) == 1 &&
	    SSL_CTX_set_tlsext_ticket_key_evp_cb(ssl, on_ticket) == 1;
}
