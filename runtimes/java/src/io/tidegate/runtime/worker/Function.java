package io.tidegate.runtime.worker;

import io.kubeless.Context;
import io.kubeless.Event;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.Flow;

/** The function: a public method, and the object that it is called on unless it is static. */
record Function(Method method, Object instance) {
    /** What the function returns; throws what it throws. */
    Object call(Event event, Context context) throws Throwable {
        try {
            return switch (method.getParameterCount()) {
                case 0 -> method.invoke(instance);
                case 1 -> method.invoke(instance, event);
                default -> method.invoke(instance, event, context);
            };
        } catch (InvocationTargetException error) {
            throw error.getCause();
        }
    }

    /** Whether a call leaves its thread to others while it waits. */
    boolean isShared() {
        Class<?> returned = method.getReturnType();
        return CompletionStage.class.isAssignableFrom(returned)
                || Flow.Publisher.class.isAssignableFrom(returned);
    }

    ClassLoader loader() {
        return method.getDeclaringClass().getClassLoader();
    }
}
