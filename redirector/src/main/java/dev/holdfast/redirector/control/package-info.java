/**
 * How the daemon is spoken to by its command line and by tools: HTTP/1.1 and JSON on a Unix socket.
 *
 * <p>Whoever may open the socket may do everything: it belongs to root and to the group {@code
 * holdfast}, if there is one. The routes:
 *
 * <pre>
 * GET  /v1/status                        the daemon, its remote hosts, its migrations
 * GET  /v1/migrations                    all migrations, newest first
 * POST /v1/migrations/plan               what arming would do; body: a migration request
 * POST /v1/migrations                    arm; body: a migration request; 201
 * GET  /v1/migrations/{id}               one migration, by id or name
 * POST /v1/migrations/{id}/hold          no body; likewise release and rollback
 * POST /v1/migrations/{id}/finish        ?force=true: although connections are left
 * GET  /v1/flows                         ?migration=ID &amp; remaining=true
 * POST /v1/explain                       what would become of a packet; body: {packet: hex digits,
 *                                        outOfTunnel, migration}; nothing is changed
 * POST /v1/captures                      records packets from now on; body: a wish for a capture,
 *                                        {} for all; the answer is pcapng, without end
 * DELETE /v1/captures/{id}               ends one; its id is in its answer's holdfast-capture
 * GET  /v1/events                        events from now on, one JSON object a line
 * </pre>
 *
 * <p>Hold, release and rollback may be asked for again: what stands gets the same answer.
 *
 * <p>Every object says with {@code schema} what it is; fields are only ever added. What cannot be
 * done is answered by {@link dev.holdfast.redirector.control.ErrorBody}, with status 400 (the
 * request is wrong), 404 (no such migration or path), 409 (not in this state, or refused) or 500
 * (tried, failed and undone). Unknown fields and parameters of a request are refused. A body has at
 * most 1 MiB; a connection without a complete request is closed after 30 s. The stream of events is
 * chunked {@code application/x-ndjson}; it ends when the daemon stops, and is cut when its reader
 * falls more than 1 MiB behind. A capture is chunked {@code application/x-pcapng}; what its reader
 * is too slow for is missing in it, and counted in its interface statistics.
 *
 * <p>{@link dev.holdfast.redirector.control.ControlServer} is the daemon's end, on Netty; {@link
 * dev.holdfast.redirector.control.ControlClient} the other, on the JDK alone. What the daemons of
 * two hosts say to each other is elsewhere, in the tunnel's endpoint package.
 */
@NullMarked
package dev.holdfast.redirector.control;

import org.jspecify.annotations.NullMarked;
