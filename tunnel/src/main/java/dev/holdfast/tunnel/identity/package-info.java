/**
 * Who the other host is, and what it may do.
 *
 * <p>A host is known by the fingerprint of its certificate; the TLS handshake is mutual and fails
 * closed. A grant says which old addresses may be tunnelled between two hosts. There is no setting
 * for ciphers: the native TLS engine ignores such lists for TLS 1.3 without saying so, and a
 * setting that may be ignored is worse than none.
 */
@NullMarked
package dev.holdfast.tunnel.identity;

import org.jspecify.annotations.NullMarked;
