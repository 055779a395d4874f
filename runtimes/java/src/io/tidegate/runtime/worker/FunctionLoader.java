package io.tidegate.runtime.worker;

import io.kubeless.Context;
import io.kubeless.Event;
import io.tidegate.runtime.Settings;
import java.io.File;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.lang.reflect.Modifier;
import java.net.MalformedURLException;
import java.net.URL;
import java.net.URLClassLoader;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/** Finds the function that the environment names. */
final class FunctionLoader {
    private static final String KUBELESS = "io.kubeless.";

    private final Settings settings;
    private final ClassLoader loader;

    /** The function cannot be loaded; the message is one sentence for its author. */
    static final class Failed extends Exception {
        private static final long serialVersionUID = 1;

        Failed(String message) {
            super(message);
        }
    }

    private FunctionLoader(Settings settings) {
        this.settings = settings;
        ClassLoader ours = Function.class.getClassLoader();
        this.loader = new URLClassLoader("function", path(settings.folder()), ours);
    }

    /** The method `function` of the class `module`, compiled into the folder. */
    static Function load(Settings settings) throws Failed {
        FunctionLoader loader = new FunctionLoader(settings);
        Thread.currentThread().setContextClassLoader(loader.loader);
        String name = loader.className();
        Class<?> type = loader.type(name);
        Method method = loader.method(type);
        method.setAccessible(true);
        boolean isStatic = Modifier.isStatic(method.getModifiers());
        return new Function(method, isStatic ? null : loader.instance(type));
    }

    /** Compiled classes in `classes` or the folder itself, and archives in `lib` or the folder. */
    private static URL[] path(String folder) {
        List<URL> path = new ArrayList<>();
        try {
            for (String place : List.of("/classes", "", "/lib")) {
                File directory = new File(folder + place);
                path.add(directory.toURI().toURL());
                File[] archives = directory.listFiles((parent, name) -> name.endsWith(".jar"));
                if (archives != null) {
                    Arrays.sort(archives);
                    for (File archive : archives) {
                        path.add(archive.toURI().toURL());
                    }
                }
            }
        } catch (MalformedURLException error) {
            throw new IllegalArgumentException(folder, error);
        }
        return path.toArray(URL[]::new);
    }

    /** Kubeless's package first; an underscore stands for the dot that a handler cannot have. */
    private String className() throws Failed {
        String module = settings.module();
        for (String name : List.of(KUBELESS + module, module, module.replace('_', '.'))) {
            if (loader.getResource(file(name)) != null) {
                return name;
            }
        }
        throw failed("there is no file " + settings.folder() + "/classes/" + file(KUBELESS + module)
                + ", nor one without the package: compile the function");
    }

    private static String file(String name) {
        return name.replace('.', '/') + ".class";
    }

    private Class<?> type(String name) throws Failed {
        try {
            return Class.forName(name, true, loader);
        } catch (ExceptionInInitializerError error) {
            throw failedAtImport(name, error.getCause());
        } catch (ReflectiveOperationException | LinkageError error) {
            throw failedAtImport(name, error);
        }
    }

    private Object instance(Class<?> type) throws Failed {
        try {
            var constructor = type.getDeclaredConstructor();
            constructor.setAccessible(true);
            return constructor.newInstance();
        } catch (InvocationTargetException error) {
            throw failedAtImport(type.getName(), error.getCause());
        } catch (ReflectiveOperationException | LinkageError error) {
            throw failedAtImport(type.getName(), error);
        }
    }

    private Method method(Class<?> type) throws Failed {
        List<Method> named = Arrays.stream(type.getMethods())
                .filter(method -> method.getName().equals(settings.function()))
                .filter(method -> !method.isBridge())
                .toList();
        for (int parameters = 2; parameters >= 0; parameters--) {
            for (Method method : named) {
                if (method.getParameterCount() == parameters && fits(method)) {
                    return method;
                }
            }
        }
        String quoted = "'" + settings.function() + "'";
        String file = loader.getResource(file(type.getName())).getPath();
        if (!named.isEmpty()) {
            throw failed(quoted + " in " + file + " has other parameters: write "
                    + settings.function() + "(Event event, Context context)");
        }
        boolean isField = Arrays.stream(type.getDeclaredFields())
                .anyMatch(field -> field.getName().equals(settings.function()));
        if (isField) {
            throw failed(quoted + " in " + file + " is not a function");
        }
        throw failed(file + " defines no " + quoted);
    }

    private static boolean fits(Method method) {
        Class<?>[] wanted = {Event.class, Context.class};
        Class<?>[] given = method.getParameterTypes();
        for (int index = 0; index < given.length; index++) {
            if (!given[index].isAssignableFrom(wanted[index])) {
                return false;
            }
        }
        return true;
    }

    private Failed failedAtImport(String name, Throwable error) {
        System.err.print(Failure.traceOf(error));
        String file = loader.getResource(file(name)).getPath();
        return failed(file + " failed at import: " + Failure.reason(error));
    }

    private Failed failed(String what) {
        return new Failed("loading " + settings.module() + "." + settings.function() + ": " + what);
    }
}
