/* The file of a Unix socket that goes from one process to another: whose it is to remove. */
#include "daemon/listen/paths/unix_place.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runner.h"

static char folder[] = "/tmp/unix-place-XXXXXX", path[64];
static struct unix_place *place;
static struct packed_socket packed;
static int fd;

static struct unix_place *
bind_at(int *made)
{
	const struct unix_dress dress = { 0600, (uid_t)-1, (gid_t)-1 };
	struct unix_place *bound;
	const char *why;

	*made = socket(AF_UNIX, SOCK_STREAM, 0);
	bound = unix_place_bind(*made, path, &dress, 1, &why);
	ck_assert_ptr_nonnull(bound);
	unix_place_settle(bound);
	return bound;
}

static void
set_up(void)
{
	ck_assert_ptr_nonnull(mkdtemp(folder));
	snprintf(path, sizeof(path), "%s/socket", folder);
	place = bind_at(&fd);
	packed = (struct packed_socket){ 0 };
	unix_place_pack(place, &packed);
	ck_assert_uint_ne(packed.inode, 0);
}

static void
tear_down(void)
{
	close(fd);
	unlink(path);
	ck_assert_int_eq(rmdir(folder), 0);
}

static bool
is_there(void)
{
	return access(path, F_OK) == 0;
}

static struct unix_place *
adopt(void)
{
	struct unix_place *adopted = unix_place_adopt(path, &packed);

	ck_assert_ptr_nonnull(adopted);
	ck_assert(unix_place_is_there(adopted));
	return adopted;
}

START_TEST(a_successor_that_fails_removes_nothing)
{
	ck_assert(unix_place_release(adopt()));
	ck_assert(is_there());
	ck_assert(unix_place_release(place));
	ck_assert(!is_there());
}
END_TEST

START_TEST(once_it_is_the_successors_it_goes_with_it)
{
	struct unix_place *adopted = adopt();

	unix_place_settle(adopted);
	unix_place_let_go(place);
	ck_assert(is_there());
	ck_assert(unix_place_release(adopted));
	ck_assert(!is_there());
}
END_TEST

/* The socket that is still open keeps its file's number, so that no other file has it. */
START_TEST(the_file_of_another_is_left)
{
	struct unix_place *adopted = adopt(), *other;
	int other_fd;

	ck_assert_int_eq(unlink(path), 0);
	ck_assert(!unix_place_is_there(adopted));
	other = bind_at(&other_fd);
	unix_place_settle(adopted);
	ck_assert(unix_place_release(adopted));
	ck_assert(is_there());
	unix_place_let_go(place);
	ck_assert(is_there());
	unix_place_release(other);
	close(other_fd);
}
END_TEST

/* A change of its mode that is undone is another's to undo: the file has it again. */
START_TEST(a_new_mode_is_undone_for_whoever_has_it)
{
	const struct unix_dress dress = { 0666, (uid_t)-1, (gid_t)-1 };
	struct unix_place *adopted = adopt();
	struct stat status;

	ck_assert_int_eq(unix_place_dress(adopted, &dress), 0);
	ck_assert(unix_place_release(adopted));
	ck_assert_int_eq(stat(path, &status), 0);
	ck_assert_uint_eq(status.st_mode & 0777, 0600);
	unix_place_release(place);
}
END_TEST

START_TEST(an_abstract_name_has_no_file)
{
	const struct packed_socket nothing = { 0 };
	struct unix_place *adopted = unix_place_adopt("@unix-place", &nothing);

	ck_assert(unix_place_is_there(adopted));
	unix_place_settle(adopted);
	ck_assert(unix_place_release(adopted));
	unix_place_release(place);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("unix_place");
	TCase *tests = tcase_create("unix_place");

	tcase_add_checked_fixture(tests, set_up, tear_down);
	tcase_add_test(tests, a_successor_that_fails_removes_nothing);
	tcase_add_test(tests, once_it_is_the_successors_it_goes_with_it);
	tcase_add_test(tests, the_file_of_another_is_left);
	tcase_add_test(tests, a_new_mode_is_undone_for_whoever_has_it);
	tcase_add_test(tests, an_abstract_name_has_no_file);
	suite_add_tcase(suite, tests);
	return run_suite(suite);
}
