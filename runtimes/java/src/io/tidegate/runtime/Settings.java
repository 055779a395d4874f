package io.tidegate.runtime;

import java.util.Map;

/** What the environment says about the function and its server: seconds, bytes and counts. */
public record Settings(
        String module,
        String function,
        String folder,
        String host,
        int port,
        String portFile,
        double timeout,
        int concurrency,
        int queue,
        int bodyLimit,
        double shutdownTimeout,
        boolean accessLog,
        String runtime,
        String memoryLimit,
        String name,
        String namespace) {

    public static final int BAD_CONFIGURATION = 2;
    public static final int LOAD_FAILED = 3;
    public static final int BIND_FAILED = 4;
    public static final int CUT_SHORT = 5;

    private static final int MIB = 1024 * 1024;
    private static final int LARGEST_BODY = 1024 * MIB;

    /** The environment is wrong; the message names the variable and what to set it to. */
    public static final class Wrong extends Exception {
        private static final long serialVersionUID = 1;

        Wrong(String message) {
            super(message);
        }
    }

    /** Settings of this process. */
    public static Settings of(Map<String, String> env) throws Wrong {
        Reader reader = new Reader(env);
        return new Settings(
                reader.required("MOD_NAME", "the function's file without its suffix"),
                reader.required("FUNC_HANDLER", "the name of the function in that file"),
                reader.text("KUBELESS_INSTALL_VOLUME", "/kubeless"),
                reader.text("FUNC_HOST", "0.0.0.0"),
                reader.whole("FUNC_PORT", 8080, 65535),
                reader.text("FUNC_PORT_FILE", null),
                reader.number("FUNC_TIMEOUT", 180, 0.001, 86400),
                reader.whole("FUNC_CONCURRENCY", 0, 10_000),
                reader.whole("FUNC_QUEUE", 100, 100_000),
                reader.whole("FUNC_BODY_LIMIT", reader.oldBodyLimit(), LARGEST_BODY),
                reader.number("FUNC_SHUTDOWN_TIMEOUT", 10, 0, 3600),
                reader.isOn("FUNC_ACCESS_LOG"),
                env.get("FUNC_RUNTIME"),
                env.get("FUNC_MEMORY_LIMIT"),
                env.get("FUNC_NAME"),
                env.get("FUNC_NAMESPACE"));
    }

    /** How log lines call the function. */
    public String title() {
        return name == null || name.isEmpty() ? module + "." + function : name;
    }

    /** A number of seconds as people write it. */
    public static String plain(double seconds) {
        String text = Double.toString(seconds);
        return text.endsWith(".0") ? text.substring(0, text.length() - 2) : text;
    }

    private record Reader(Map<String, String> env) {
        String text(String variable, String otherwise) {
            String text = env.get(variable);
            return text == null || text.isEmpty() ? otherwise : text;
        }

        String required(String variable, String meaning) throws Wrong {
            String text = text(variable, null);
            if (text == null) {
                throw new Wrong(variable + " is not set: set it to " + meaning);
            }
            return text;
        }

        boolean isOn(String variable) {
            String text = text(variable, "0");
            return !text.equals("0") && !text.equals("false");
        }

        /** The name that Kubeless gave it; 100 MiB is its default, too. */
        int oldBodyLimit() throws Wrong {
            return whole("FUNC_MEMFILE_MAX", 100 * MIB, LARGEST_BODY);
        }

        int whole(String variable, int otherwise, int high) throws Wrong {
            try {
                int value = Integer.parseInt(text(variable, Integer.toString(otherwise)));
                if (value >= 0 && value <= high) {
                    return value;
                }
            } catch (NumberFormatException error) {
                // told below, with the bounds
            }
            throw wrong(variable, "a whole number from 0 to " + high);
        }

        double number(String variable, double otherwise, double low, double high) throws Wrong {
            try {
                double value = Double.parseDouble(text(variable, Double.toString(otherwise)));
                if (value >= low && value <= high) {
                    return value;
                }
            } catch (NumberFormatException error) {
                // told below, with the bounds
            }
            throw wrong(variable, "a number from " + plain(low) + " to " + plain(high));
        }

        private Wrong wrong(String variable, String meaning) {
            return new Wrong(variable + " is '" + env.get(variable) + "': set it to " + meaning);
        }
    }
}
