/**
 * The configuration file: one TOML file, read once and checked whole.
 *
 * <p>The reader asks each table for its values by name and says what each may be. A mistake is
 * noted with its line and column and reading goes on, so that one run shows all of them; what
 * nobody asked for is an unknown key and refused, with the nearest known one. Only what would stand
 * alone is checked here: whether an interface, a certificate or a server exists is a question for
 * the daemon and for preflight.
 *
 * <p>Relative paths start at the folder of the file. Addresses are literals, never names. Secrets
 * are named by file and never stand in the configuration itself. Where a setting may be left out,
 * its default is the one that the example {@code conf/holdfast.toml} shows.
 */
@NullMarked
package dev.holdfast.redirector.config;

import org.jspecify.annotations.NullMarked;
