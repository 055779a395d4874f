package io.tidegate;

import java.lang.reflect.Array;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.RecordComponent;
import java.util.Collection;
import java.util.Map;

/** Writes one value as JSON. */
final class JsonWriter {
    private static final String HEX = "0123456789abcdef";

    private final StringBuilder out = new StringBuilder();

    String text() {
        return out.toString();
    }

    void write(Object value, int depth) {
        if (depth > Json.DEPTH_LIMIT) {
            throw new IllegalArgumentException("it is nested too deeply, or holds itself");
        }
        if (value == null || value instanceof Boolean) {
            out.append(value);
        } else if (value instanceof CharSequence || value instanceof Enum<?>) {
            string(value.toString());
        } else if (value instanceof Number number) {
            number(number);
        } else if (value instanceof Map<?, ?> map) {
            map(map, depth);
        } else if (value instanceof Collection<?> items) {
            items(items, depth);
        } else if (value.getClass().isArray()) {
            array(value, depth);
        } else if (value instanceof Record one) {
            fields(one, depth);
        } else {
            throw new IllegalArgumentException("JSON has no " + value.getClass().getName());
        }
    }

    private void number(Number number) {
        boolean isBinary = number instanceof Double || number instanceof Float;
        if (isBinary && !Double.isFinite(number.doubleValue())) {
            throw new IllegalArgumentException("JSON has no " + number);
        }
        out.append(number);
    }

    private void map(Map<?, ?> map, int depth) {
        out.append('{');
        String mark = "";
        for (Map.Entry<?, ?> entry : map.entrySet()) {
            out.append(mark);
            string(String.valueOf(entry.getKey()));
            out.append(':');
            write(entry.getValue(), depth + 1);
            mark = ",";
        }
        out.append('}');
    }

    private void items(Collection<?> items, int depth) {
        out.append('[');
        String mark = "";
        for (Object item : items) {
            out.append(mark);
            write(item, depth + 1);
            mark = ",";
        }
        out.append(']');
    }

    private void array(Object array, int depth) {
        out.append('[');
        for (int index = 0; index < Array.getLength(array); index++) {
            out.append(index == 0 ? "" : ",");
            write(Array.get(array, index), depth + 1);
        }
        out.append(']');
    }

    private void fields(Record one, int depth) {
        out.append('{');
        String mark = "";
        for (RecordComponent component : one.getClass().getRecordComponents()) {
            out.append(mark);
            string(component.getName());
            out.append(':');
            write(field(one, component), depth + 1);
            mark = ",";
        }
        out.append('}');
    }

    private static Object field(Record one, RecordComponent component) {
        try {
            component.getAccessor().setAccessible(true);
            return component.getAccessor().invoke(one);
        } catch (IllegalAccessException | InvocationTargetException error) {
            String what = "its field " + component.getName() + " cannot be read";
            throw new IllegalArgumentException(what, error);
        }
    }

    private void string(String text) {
        out.append('"');
        for (int index = 0; index < text.length(); index++) {
            char one = text.charAt(index);
            if (one == '"' || one == '\\') {
                out.append('\\').append(one);
            } else if (one < ' ') {
                out.append("\\u00").append(HEX.charAt(one >> 4)).append(HEX.charAt(one & 15));
            } else {
                out.append(one);
            }
        }
        out.append('"');
    }
}
