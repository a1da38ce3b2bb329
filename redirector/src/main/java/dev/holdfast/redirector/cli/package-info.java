/**
 * The command line: {@code holdfast <noun> <verb>}.
 *
 * <p>Standard output is what was asked for, standard error the rest. Exit codes: 0 ok, 1 failed, 2
 * usage, 3 daemon not running, 4 refused, 5 partly done.
 */
@NullMarked
package dev.holdfast.redirector.cli;

import org.jspecify.annotations.NullMarked;
