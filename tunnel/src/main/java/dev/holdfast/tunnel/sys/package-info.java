/**
 * System calls through the foreign function and memory interface, and nothing else.
 *
 * <p>Each call is bound once, with its structure layouts and constants beside it, and turns {@code
 * errno} into an exception that names the call. No policy lives here. Only {@code device} and
 * {@code link} may use this package; an architecture test holds that.
 */
@NullMarked
package dev.holdfast.tunnel.sys;

import org.jspecify.annotations.NullMarked;
