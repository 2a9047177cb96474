/* What a TLS context is made by, and what is to be known of its certificates. */
#ifndef NET_TLS_SETTINGS_H
#define NET_TLS_SETTINGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum tls_demand { TLS_CERTIFICATE_NONE, TLS_CERTIFICATE_OPTIONAL, TLS_CERTIFICATE_REQUIRED };

/* All is the caller's, and read while the context is made. */
struct tls_settings {
	/* Pairs of files (PEM): the key for each certificate, which its chain follows. */
	const char *const *certificates, *const *keys;
	size_t certificate_count, key_count;
	const char *ca;            /* a file of those who are trusted; "": see below */
	const char *minimum;       /* "1.2" or "1.3" */
	const char *ciphers, *groups; /* in OpenSSL's words; "": its defaults */
	const char *const *alpn;   /* in order of preference */
	size_t alpn_count;         /* 0: it is not spoken of */
	enum tls_demand demand;    /* a server: of the client's certificate, by `ca` */
	/* A client: whose certificate it has to be; "" `ca`: by those whom the system trusts. */
	const char *name;          /* a host name or a numeric address; also sent, if a name */
	bool is_insecure;          /* whatever certificate it is */
};

/* Room for what is wrong with settings: the file's name and a sentence. */
#define TLS_TEXT_SIZE 512

/* What is to be known of a certificate and its key. */
struct tls_pair {
	const char *certificate, *key; /* the files, as long as the context */
	int64_t begin, end; /* between which it is valid: seconds of time(2) */
	bool key_is_open;   /* all users may read the key's file */
};

#endif
