/* What ends the TLS of a peer: one list, for counters, logs and clients. */
#ifndef NET_TLS_FAULT_H
#define NET_TLS_FAULT_H

/* The words are published: echod(8) has each of them. */
#define TLS_FAULTS(X)                                                                      \
	X(TLS_PLAIN, "tls_plain")           /* what it says is no TLS */                   \
	X(TLS_VERSION, "tls_version")       /* no version that both allow */               \
	X(TLS_CIPHER, "tls_cipher")         /* no cipher, group or signature that both do */ \
	X(TLS_ALPN, "tls_alpn")             /* none of the protocols that are spoken here */ \
	X(TLS_NO_CERTIFICATE, "tls_no_certificate") /* it has to give one */               \
	X(TLS_UNVERIFIED, "tls_unverified") /* its certificate is not to be trusted */     \
	X(TLS_REJECTED, "tls_rejected")     /* by the peer, with an alert */               \
	X(TLS_FLOOD, "tls_flood")           /* records that carry nothing, one after another */ \
	X(TLS_BROKEN, "tls_broken")         /* any other breach of the protocol */         \
	X(TLS_MEMORY, "tls_memory")         /* none is left, here */                       \
	X(TLS_TIMEOUT, "tls_timeout")       /* the handshake took too long */              \
	X(TLS_CROWDED, "tls_crowded")       /* it was the longest of too many */

enum tls_fault {
#define TLS_FAULT_ENUM(id, name) FAULT_##id,
	TLS_FAULTS(TLS_FAULT_ENUM)
#undef TLS_FAULT_ENUM
	TLS_FAULT_COUNT,
	TLS_FAULT_NONE = TLS_FAULT_COUNT,
};

#endif
