package dev.holdfast.redirector.path;

import dev.holdfast.tunnel.encap.IpInIp;
import dev.holdfast.tunnel.encap.LoopGuard;
import dev.holdfast.tunnel.encap.OuterPolicy;
import dev.holdfast.tunnel.link.FrameType;
import dev.holdfast.tunnel.link.Link;
import dev.holdfast.tunnel.packet.IpAddress;
import dev.holdfast.tunnel.packet.PacketView;
import io.netty.buffer.ByteBuf;
import org.jspecify.annotations.Nullable;

/**
 * A data connection that is only spoken of: it is up and carries so much, and sends nothing. For
 * explanations without a daemon.
 */
public final class AssumedLink implements Link {
  private final int innerMtu;
  private final @Nullable IpAddress local;
  private final @Nullable IpAddress remote;
  private final OuterPolicy policy;

  private AssumedLink(
      int innerMtu, @Nullable IpAddress local, @Nullable IpAddress remote, OuterPolicy policy) {
    this.innerMtu = innerMtu;
    this.local = local;
    this.remote = remote;
    this.policy = policy;
  }

  /** Carries a packet of any length. */
  public static AssumedLink tls() {
    return new AssumedLink(65_535, null, null, OuterPolicy.DEFAULT);
  }

  /**
   * @param innerMtu bytes of the longest inner packet that passes whole
   */
  public static AssumedLink ipInIp(
      int innerMtu, IpAddress local, IpAddress remote, OuterPolicy policy) {
    return new AssumedLink(innerMtu, local, remote, policy);
  }

  boolean isIpInIp() {
    return local != null;
  }

  /** Appends the outer header that {@code inner} would get; false where it gets none. */
  boolean outer(ByteBuf out, PacketView inner) {
    return local != null
        && remote != null
        && IpInIp.writeOuter(out, inner, local, remote, policy, 1);
  }

  /** As {@code IpInIpLink} drops it. */
  boolean forbids(PacketView inner) {
    return local != null && remote != null && LoopGuard.forbids(inner, local, remote);
  }

  @Override
  public Sent send(FrameType type, ByteBuf payload) {
    payload.release();
    return Sent.DOWN;
  }

  @Override
  public void flush() {}

  @Override
  public boolean isUp() {
    return true;
  }

  @Override
  public long queuedBytes() {
    return 0;
  }

  @Override
  public int innerMtu() {
    return innerMtu;
  }

  @Override
  public int innerMtu(PacketView inner) {
    return remote == null
        ? innerMtu
        : innerMtu + IpInIp.outerLength(remote) - IpInIp.outerLength(remote, inner);
  }

  @Override
  public void close() {}
}
