/* A file system without locks, for LD_PRELOAD: every lock fails with ENOLCK, as on NFS without lockd or
 * Lustre without flock. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>

int flock(int fd, int operation)
{
    (void)fd;
    (void)operation;
    errno = ENOLCK;
    return -1;
}

#define WITHOUT_LOCKS(name)                                                           \
    int name(int fd, int command, ...)                                                \
    {                                                                                 \
        va_list arguments;                                                            \
        va_start(arguments, command);                                                 \
        void *argument = va_arg(arguments, void *);                                   \
        va_end(arguments);                                                            \
        int (*real)(int, int, ...) = (int (*)(int, int, ...))dlsym(RTLD_NEXT, #name); \
        if (command != F_SETLK && command != F_SETLKW && command != F_OFD_SETLK &&    \
            command != F_OFD_SETLKW)                                                  \
            return real(fd, command, argument);                                       \
        errno = ENOLCK;                                                               \
        return -1;                                                                    \
    }

WITHOUT_LOCKS(fcntl)
WITHOUT_LOCKS(fcntl64)
