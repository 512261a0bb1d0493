/* SPDX-License-Identifier: Apache-2.0 */
/*
 * owner.c: kill(pid, 0), then a look at the process itself.
 *
 * httpd's parent asks for its dead children once a second. Until then kill()
 * finds them; a process descriptor tells that they are over.
 */
#include "io/owner.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include <sys/syscall.h>
#include <sys/types.h>

apr_uint64_t smart_owner_self(void)
{
    return (apr_uint64_t)getpid() & SMART_OWNER_MASK;
}

/* Dead, but somebody has yet to ask how it died. */
static bool is_over(pid_t pid)
{
    bool over = false;
#ifdef SYS_pidfd_open
    struct pollfd look = {.fd = (int)syscall(SYS_pidfd_open, pid, 0),
                          .events = POLLIN};

    if (look.fd < 0) {
        return errno == ESRCH;
    }
    over = poll(&look, 1, 0) == 1 && (look.revents & POLLIN) != 0;
    close(look.fd);
#else
    (void)pid;
#endif
    return over;
}

bool smart_owner_is_gone(apr_uint64_t owner)
{
    if (owner == 0 || owner > SMART_OWNER_MASK) {
        return true;
    }
    return (kill((pid_t)owner, 0) != 0 && errno == ESRCH) ||
           is_over((pid_t)owner);
}
