/**
 * The command line: {@code holdfast <noun> <verb>}.
 *
 * <p>Standard output is what was asked for, standard error the rest: progress, remarks, errors.
 * With {@code --json} an answer is one JSON object with a {@code schema} whose fields are only ever
 * added, and so is an error, on standard error. Exit codes: 0 ok, 1 failed, 2 usage (and mistakes
 * in a config file), 3 daemon not running, 4 refused, 5 partly done.
 *
 * <p>Each noun is a file with its verbs as small classes; what people read is made by the classes
 * whose names end in {@code Text}. Most commands ask the daemon through the client of the control
 * package, and load neither Netty nor a logger, for they must start quickly. {@code run} is the
 * daemon itself; {@code dns}, {@code cert}, {@code config} and {@code cleanup} work without one.
 * Nothing here decides anything about a migration: the daemon does.
 */
@NullMarked
package dev.holdfast.redirector.cli;

import org.jspecify.annotations.NullMarked;
