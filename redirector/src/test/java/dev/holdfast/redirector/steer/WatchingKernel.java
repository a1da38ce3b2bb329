package dev.holdfast.redirector.steer;

import java.io.IOException;

/** Does something first, once, before it passes the first command on. */
final class WatchingKernel implements Kernel {
  interface Action {
    Object run() throws IOException;
  }

  private final Kernel kernel;
  private final Action before;
  private boolean done;

  WatchingKernel(Kernel kernel, Action before) {
    this.kernel = kernel;
    this.before = before;
  }

  @Override
  public void run(KernelChange.Command command) throws IOException {
    if (!done) {
      done = true;
      before.run();
    }
    kernel.run(command);
  }

  @Override
  public void nftNow(String script) throws IOException {
    kernel.nftNow(script);
  }

  @Override
  public String query(String arguments) throws IOException {
    return kernel.query(arguments);
  }

  @Override
  public String bridgeQuery(String arguments) throws IOException {
    return kernel.bridgeQuery(arguments);
  }

  @Override
  public String nftQuery(String arguments) throws IOException {
    return kernel.nftQuery(arguments);
  }

  @Override
  public void tc(String arguments) throws IOException {
    kernel.tc(arguments);
  }

  @Override
  public String filterSave(String tool) throws IOException {
    return kernel.filterSave(tool);
  }

  @Override
  public String sysctl(String path) throws IOException {
    return kernel.sysctl(path);
  }
}
