/* The modes of echod-client.  Each takes its own command line and returns the exit status. */
#ifndef CLIENT_MODES_H
#define CLIENT_MODES_H

int bench_main(int argc, char **argv);
int ping_main(int argc, char **argv);
int pipe_main(int argc, char **argv);
int send_main(int argc, char **argv);
int mtu_main(int argc, char **argv);

#endif
