/**
 * Who the other host is.
 *
 * <p>A host has one self-signed certificate ({@code HostIdentity}) and is known by its fingerprint
 * ({@code Fingerprint}), which the other hosts have in their configuration ({@code PinnedTrust}).
 * There is no authority and no name to verify: a certificate is accepted exactly if its fingerprint
 * is pinned and its dates hold, by the client and by the server alike. The handshake ({@code
 * TlsContexts}) is TLS 1.3, always mutual, and fails closed; why it failed is said in one sentence
 * on the side that knows it ({@code TlsFailure}).
 *
 * <p>There is no setting for ciphers: the native TLS engine ignores such lists for TLS 1.3 without
 * saying so, and a setting that may be ignored is worse than none.
 *
 * <p>What a proven host may do (its grants) is not decided here but where packets are let in.
 */
@NullMarked
package dev.holdfast.tunnel.identity;

import org.jspecify.annotations.NullMarked;
