/**
 * The configuration file: one TOML file, read once and checked whole.
 *
 * <p>Unknown keys are refused, with line and column. Secrets are named by file and never stand in
 * the configuration itself.
 */
@NullMarked
package dev.holdfast.redirector.config;

import org.jspecify.annotations.NullMarked;
