package dev.holdfast.redirector.edge;

import java.io.PrintWriter;
import java.io.StringWriter;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;

/** All tables, for who counts their rows, or runs them against code that was broken on purpose. */
public final class EdgeTables {
  static final List<Class<?>> ALL =
      List.of(
          HopsTest.class,
          EncapsulationTest.class,
          DecapsulationTest.class,
          StatesTest.class,
          DrainingTest.class,
          TcpTest.class,
          TrafficTest.class,
          FragmentsTest.class,
          IcmpTest.class,
          MalformedTest.class,
          OffloadTest.class,
          NeighboursTest.class,
          MtuTest.class,
          DeliveryMtuTest.class,
          KeptTtlTest.class,
          DscpTest.class,
          LoopTest.class,
          TunnelErrorTest.class,
          LearntMtuTest.class,
          FragmentOrderTest.class,
          HeldPartsTest.class,
          IcmpWaysTest.class,
          AnnouncementTest.class,
          HalfOpenTest.class,
          ReturnPathTest.class);

  private EdgeTables() {}

  /** The rows of each rule, by {@code Table.rule}. */
  static Map<String, List<DynamicTest>> rules() {
    Map<String, List<DynamicTest>> rules = new LinkedHashMap<>();
    for (Class<?> table : ALL) {
      Method[] methods = table.getDeclaredMethods();
      Arrays.sort(methods, Comparator.comparing(Method::getName));
      for (Method method : methods) {
        if (method.isAnnotationPresent(TestFactory.class)) {
          rules.put(table.getSimpleName() + "." + method.getName(), rows(table, method));
        }
      }
    }
    return rules;
  }

  private static List<DynamicTest> rows(Class<?> table, Method method) {
    try {
      var constructor = table.getDeclaredConstructor();
      constructor.setAccessible(true);
      method.setAccessible(true);
      return ((Stream<?>) method.invoke(constructor.newInstance()))
          .map(DynamicTest.class::cast)
          .toList();
    } catch (InvocationTargetException e) {
      throw new IllegalStateException(table + "." + method.getName(), e.getCause());
    } catch (ReflectiveOperationException e) {
      throw new IllegalStateException(e);
    }
  }

  /**
   * Runs every row.
   *
   * @return of those that fail the name, and from the second line on why
   */
  public static List<String> failing() {
    List<String> failing = new ArrayList<>();
    rules().values().stream()
        .flatMap(List::stream)
        .forEach(row -> {
          try {
            row.getExecutable().execute();
          } catch (AssertionError e) {
            failing.add(row.getDisplayName() + "\n" + e.getMessage());
          } catch (Throwable e) { // a row that breaks the code fails as well
            StringWriter trace = new StringWriter();
            e.printStackTrace(new PrintWriter(trace));
            failing.add(row.getDisplayName() + "\n" + trace);
          }
        });
    return failing;
  }

  /** How many rows there are. */
  public static int size() {
    return rules().values().stream().mapToInt(List::size).sum();
  }

  /** Prints what {@link #failing} gives. */
  public static void main(String[] args) {
    List<String> failing = failing();
    failing.forEach(System.out::println);
    System.out.printf("%d rows, %d failed%n", size(), failing.size());
  }
}
