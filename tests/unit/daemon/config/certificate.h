/* A certificate for echo.example, which signed itself, valid for a hundred years, and its key. */
#ifndef TESTS_CONFIG_CERTIFICATE_H
#define TESTS_CONFIG_CERTIFICATE_H

static const char certificate_pem[] =
    "-----BEGIN CERTIFICATE-----\n"
    "MIIBnzCCAUSgAwIBAgIUIeJqQwma8BgMTvkrbfCGzqoJAZ0wCgYIKoZIzj0EAwIw\n"
    "FzEVMBMGA1UEAwwMZWNoby5leGFtcGxlMCAXDTI2MTEyNjExMDk0OFoYDzIxMjYx\n"
    "MTAyMTEwOTQ4WjAXMRUwEwYDVQQDDAxlY2hvLmV4YW1wbGUwWTATBgcqhkjOPQIB\n"
    "BggqhkjOPQMBBwNCAASMVbSPwTVfuYqtWBitMwxYQ96VRHrJHXiFBOdrlkwRYKuQ\n"
    "Bor5s7iKaSyXUZBE40m+TJLRTyaPfBZWQr5IziwTo2wwajAdBgNVHQ4EFgQUGZWg\n"
    "IqSPZIjaOE/MnJl8g6wdwTYwHwYDVR0jBBgwFoAUGZWgIqSPZIjaOE/MnJl8g6wd\n"
    "wTYwDwYDVR0TAQH/BAUwAwEB/zAXBgNVHREEEDAOggxlY2hvLmV4YW1wbGUwCgYI\n"
    "KoZIzj0EAwIDSQAwRgIhAOXA/1TdYC4c2xrPi47U34KSPoNBBmLRoVjto48tXaT9\n"
    "AiEA3uEJqzKuk31rbJNCdAJG6WYzbUl+41IOcnI+3pbVjEI=\n"
    "-----END CERTIFICATE-----\n";

static const char key_pem[] =
    "-----BEGIN PRIVATE KEY-----\n"
    "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQge08y+fSghIw1CEP/\n"
    "o4db4eTKwGZCCp24iw6lrbexLmChRANCAASMVbSPwTVfuYqtWBitMwxYQ96VRHrJ\n"
    "HXiFBOdrlkwRYKuQBor5s7iKaSyXUZBE40m+TJLRTyaPfBZWQr5IziwT\n"
    "-----END PRIVATE KEY-----\n";

#endif
