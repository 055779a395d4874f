package io.tidegate.runtime.worker;

import java.io.PrintWriter;
import java.io.StringWriter;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.CompletionException;
import java.util.concurrent.ExecutionException;

/** Errors of functions, as the log tells them. */
final class Failure {
    private static final int REASON_LIMIT = 500;
    private static final int CAUSES_LIMIT = 20;
    private static final int FRAMES_LIMIT = 100;
    private static final String SERVER = "io.tidegate.runtime.";
    private static final List<String> BETWEEN =
            List.of("java.lang.reflect.", "jdk.internal.reflect.");

    private Failure() {}

    /** What futures wrap around an error, taken off. */
    static Throwable unwrapped(Throwable thrown) {
        Throwable error = thrown;
        while (isWrapper(error) && error.getCause() != null) {
            error = error.getCause();
        }
        return error;
    }

    private static boolean isWrapper(Throwable error) {
        return error instanceof CompletionException || error instanceof ExecutionException;
    }

    /** The lines of the log about an error; what cannot be sent has no trace of the function's. */
    static String told(Throwable error) {
        if (error instanceof Answer.Unanswerable) {
            return error.getMessage() + "\n";
        }
        return reason(error) + "\n" + traceOf(error);
    }

    /** The kind of error and its text on one line of bounded length. */
    static String reason(Throwable error) {
        String text = error.getClass().getName();
        String message = messageOf(error);
        if (message != null) {
            text += ": " + message.strip().replaceAll("\\s+", " ");
        }
        return text.length() > REASON_LIMIT ? text.substring(0, REASON_LIMIT) : text;
    }

    /** The error's text, which the function's own code may make. */
    private static String messageOf(Throwable error) {
        try {
            return error.getLocalizedMessage();
        } catch (RuntimeException inTurn) {
            return "(its message failed: " + inTurn.getClass().getName() + ")";
        }
    }

    /** The stack traces of an error and its causes, from the function's own code on. */
    static String traceOf(Throwable error) {
        StringWriter text = new StringWriter();
        try (PrintWriter out = new PrintWriter(text)) {
            Throwable cause = error;
            for (int depth = 0; cause != null && depth < CAUSES_LIMIT; depth++) {
                cause.setStackTrace(own(cause.getStackTrace()));
                cause = cause.getCause();
            }
            error.printStackTrace(out);
        } catch (RuntimeException inTurn) {
            return text + "(its trace failed: " + inTurn.getClass().getName() + ")\n";
        }
        return text.toString();
    }

    private static StackTraceElement[] own(StackTraceElement[] frames) {
        int end = 0;
        while (end < frames.length && !frames[end].getClassName().startsWith(SERVER)) {
            end++;
        }
        while (end > 0 && isBetween(frames[end - 1])) {
            end--;
        }
        return Arrays.copyOf(frames, Math.min(end, FRAMES_LIMIT));
    }

    private static boolean isBetween(StackTraceElement frame) {
        return BETWEEN.stream().anyMatch(frame.getClassName()::startsWith);
    }
}
