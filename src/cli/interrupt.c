/* SPDX-License-Identifier: MIT */
#include "cli/interrupt.h"

#include <sys/signalfd.h>
#include <unistd.h>

void interrupt_begin(struct interrupt *i, struct cli *c)
{
        sigset_t set;
        sigemptyset(&set);
        sigaddset(&set, SIGINT);
        sigaddset(&set, SIGTERM);
        sigaddset(&set, SIGHUP);
        pthread_sigmask(SIG_BLOCK, &set, &i->old);
        i->c = c;
        i->fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
        if (c->rpc)
                rpc_client_set_interrupt_fd(c->rpc, i->fd);
}

void interrupt_end(struct interrupt *i)
{
        struct signalfd_siginfo taken;
        /* What was meant for the call has done its work: it must not end the process now. */
        if (i->fd >= 0)
                while (read(i->fd, &taken, sizeof taken) == sizeof taken)
                        ;
        if (i->c->rpc)
                rpc_client_set_interrupt_fd(i->c->rpc, -1);
        if (i->fd >= 0)
                close(i->fd);
        pthread_sigmask(SIG_SETMASK, &i->old, NULL);
}
