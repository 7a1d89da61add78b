/**
 * Linux, as far as the JDK and Netty don't give it: system calls, socket addresses, constants. The
 * only package that imports {@code java.lang.foreign}.
 *
 * <p>What a failed call leads to on the path of traffic. "Passing" is EINTR, ENOBUFS, ENOMEM: no
 * event says when it is over, so a session tries again at the next tick of its loop.
 *
 * <pre>
 *   call                  errno                       what we do
 *   any that moves bytes  EINTR                       made again, 16 times; then it counts as passing
 *   sendto, splice (out)  EAGAIN                      the rest waits for EPOLLOUT
 *                         passing                     the rest waits for a tick
 *                         any other                   the peer is broken: what it had sent is passed
 *                                                     on, then both are closed, the other by a reset
 *   recvfrom, splice (in) EAGAIN                      wait for EPOLLIN; of a broken peer: its end
 *                         passing                     wait for a tick
 *                         any other                   its end, by a reset
 *   socket                EMFILE ENFILE ENOMEM        refused as no_descriptors; accepting pauses
 *                         ENOBUFS
 *                         any other                   refused as connect_error, or another target
 *   bind                  EADDRINUSE EACCES           no_source_port: the next address of the source
 *                         any other                   no_source_address: the next one
 *   connect               EINPROGRESS EINTR           epoll tells how it ends
 *                         EAGAIN, Unix socket         its backlog is full: a try each tick, within
 *                                                     connectTimeout
 *                         EADDRNOTAVAIL; EAGAIN, UDP  no_source_port
 *                         ECONNREFUSED ETIMEDOUT      connect_refused, connect_timeout
 *                         any other                   connect_error; each with retries
 *   accept4               EAGAIN                      wait for EPOLLIN
 *                         EMFILE ENFILE ENOMEM        accepting pauses for 100 ms
 *                         ENOBUFS
 *                         any other                   that connection has gone: the next
 *   getsockname           any                         refused as not_captured; as the remote end is
 *                                                     unknown, a loop isn't noted
 *   pipe2                 any                         one copies instead of splicing
 *   mmap                  any                         the session that needs the memory is ended
 *   epoll_ctl             any                         refused as no_descriptors
 *   ioctl (SIOCOUTQ)      any                         as if all were delivered
 *   setsockopt, shutdown, any                         nothing: the next read or send tells
 *   close, munmap
 *   setpriority           any                         nothing: the thread takes an equal share
 * </pre>
 */
@NullMarked
package io.sluice.proxy.linux;

import org.jspecify.annotations.NullMarked;
