package io.sluice.proxy.program;

import io.sluice.config.Code;
import io.sluice.config.ConfigException;
import io.sluice.config.JarClass;
import io.sluice.config.Place;
import java.io.IOException;
import java.lang.reflect.Constructor;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Modifier;
import java.nio.file.Path;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.zip.ZipException;
import org.jspecify.annotations.Nullable;

/**
 * Makes objects of classes in jars, for one generation of the configuration: it reads each jar
 * once, so classes of the same jar share their static fields. The next generation reads anew, and
 * what is gone from the configuration becomes unreachable with its snapshot.
 *
 * <p>A jar is trusted like the program itself: it isn't kept from anything that Java lets it do.
 * What is guarded against is mistakes. Not thread-safe.
 */
public final class Jars {
  private static final Duration LONGEST = Duration.ofSeconds(5);
  private static final int MAX_BYTES = 256 << 20;

  private final Map<Path, JarClassLoader> loaders = new HashMap<>();
  private final Duration longest;
  private final int maxBytes;

  /** Has read no jar yet. */
  public Jars() {
    this(LONGEST, MAX_BYTES);
  }

  /**
   * {@link #Jars()}, with other bounds.
   *
   * @param longest how long a class may take to be loaded and constructed
   * @param maxBytes how large a jar may be, unfolded
   */
  Jars(Duration longest, int maxBytes) {
    this.longest = longest;
    this.maxBytes = maxBytes;
  }

  /** What a constructor may ask for. */
  private record Argument(Class<?> type, Object value) {}

  /** What is wrong with a class, for the user. */
  private static final class Unusable extends Exception {
    private static final long serialVersionUID = 1;

    Unusable(String message) {
      super(message);
    }

    @Override
    public String getMessage() {
      return String.valueOf(super.getMessage());
    }
  }

  /**
   * Loads a class and makes an object of it, by its public constructor that takes an {@code A}, or
   * else by the one that takes nothing.
   *
   * @param type what it must be
   * @param argumentType what a constructor may ask for
   * @throws ConfigException if that fails, or takes longer than 5 s; with one problem, at the jar's
   *     or the class's place
   */
  public <T, A> T load(Code from, Class<T> type, Class<A> argumentType, A argument)
      throws ConfigException {
    return switch (from) {
      case JarClass jar -> load(jar, type, new Argument(argumentType, argument));
    };
  }

  /**
   * Loads a class and makes an object of it, by its public constructor that takes nothing.
   *
   * @throws ConfigException as {@link #load(Code, Class, Class, Object)}
   */
  public <T> T load(Code from, Class<T> type) throws ConfigException {
    return switch (from) {
      case JarClass jar -> load(jar, type, null);
    };
  }

  private <T> T load(JarClass from, Class<T> type, @Nullable Argument argument)
      throws ConfigException {
    JarClassLoader known = loaders.get(from.jar());
    JarClassLoader loader = known == null ? read(from) : known;
    loaders.put(from.jar(), loader);
    String name = from.className();
    FutureTask<T> task = new FutureTask<>(() -> make(loader, name, type, argument));
    // Whatever code of the jar runs, runs there, also that of its exceptions' messages.
    Thread thread = Thread.ofPlatform().daemon().name("sluice-jar " + name).unstarted(task);
    thread.setContextClassLoader(loader);
    thread.start();
    try {
      return task.get(longest.toMillis(), TimeUnit.MILLISECONDS);
    } catch (ExecutionException failed) {
      String why = failed.getCause() instanceof Unusable it ? it.getMessage() : "can't be loaded";
      throw problem(from.classAt(), name + " " + why);
    } catch (TimeoutException _) {
      thread.interrupt(); // it may not care: then it is left to itself
      throw problem(
          from.classAt(),
          name
              + " takes longer than "
              + longest.toMillis() / 1e3
              + " s: its constructor or a static initializer hangs");
    } catch (InterruptedException _) {
      thread.interrupt();
      Thread.currentThread().interrupt();
      throw problem(from.classAt(), name + " is not loaded: we were interrupted");
    }
  }

  private JarClassLoader read(JarClass from) throws ConfigException {
    try {
      return JarClassLoader.read(from.jar(), maxBytes);
    } catch (ZipException wrong) {
      throw problem(from.jarAt(), from.jar() + " is no jar: " + wrong.getMessage());
    } catch (IOException wrong) {
      throw problem(from.jarAt(), from.jar() + " can't be read: " + wrong.getMessage());
    }
  }

  private static ConfigException problem(Place place, String message) {
    return new ConfigException(List.of(place.error(message)));
  }

  private static <T> T make(
      JarClassLoader loader, String name, Class<T> type, @Nullable Argument argument)
      throws Unusable {
    try {
      Class<?> found = Class.forName(name, false, loader);
      if (!type.isAssignableFrom(found)) {
        throw new Unusable("is no " + type.getName());
      }
      if (Modifier.isAbstract(found.getModifiers())) {
        throw new Unusable("is abstract; name a class that can be constructed");
      }
      if (!Modifier.isPublic(found.getModifiers())) {
        throw new Unusable("is not public; make it so");
      }
      return type.cast(construct(found, argument));
    } catch (ClassNotFoundException _) {
      List<String> others = loader.classesNamed(name.substring(name.lastIndexOf('.') + 1));
      throw new Unusable(
          "is not in the jar"
              + (others.isEmpty() ? "" : "; did you mean " + String.join(" or ", others) + "?"));
    } catch (InvocationTargetException thrown) {
      throw new Unusable("is unusable: its constructor threw " + describe(thrown.getCause()));
    } catch (ExceptionInInitializerError thrown) {
      throw new Unusable("is unusable: a static initializer threw " + describe(thrown.getCause()));
    } catch (LinkageError | ReflectiveOperationException unfit) {
      throw new Unusable("can't be linked: " + unfit);
    } catch (Error thrown) { // from a static initializer: these aren't wrapped
      throw new Unusable("is unusable: a static initializer threw " + describe(thrown));
    }
  }

  private static Object construct(Class<?> found, @Nullable Argument argument)
      throws ReflectiveOperationException, Unusable {
    List<Constructor<?>> constructors = List.of(found.getConstructors());
    for (Constructor<?> constructor : constructors) {
      if (argument != null
          && List.of(constructor.getParameterTypes()).equals(List.of(argument.type))) {
        return constructor.newInstance(argument.value);
      }
    }
    for (Constructor<?> constructor : constructors) {
      if (constructor.getParameterCount() == 0) {
        return constructor.newInstance();
      }
    }
    throw new Unusable(
        "has no public constructor that takes nothing"
            + (argument == null ? "" : ", or one " + argument.type.getName()));
  }

  /** The exception and its first line of code; both may be the jar's own. */
  private static String describe(@Nullable Throwable thrown) {
    if (thrown == null) {
      return "something";
    }
    try {
      StackTraceElement[] trace = thrown.getStackTrace();
      return thrown + (trace.length == 0 ? "" : " at " + trace[0]);
    } catch (Throwable _) {
      return thrown.getClass().getName();
    }
  }
}
