package io.tidegate;

import java.util.ArrayList;
import java.util.List;

/** Headers whose names compare without case; repeated ones are kept in order. */
public final class Headers {
    /** One header. */
    public record Header(String name, String value) {}

    private final List<Header> all = new ArrayList<>();

    /** No headers. */
    public Headers() {}

    /** These headers. */
    public Headers(List<Header> headers) {
        all.addAll(headers);
    }

    /** The values of this name, joined with commas; null when there is none. */
    public String get(String name) {
        String joined = null;
        for (Header header : all) {
            if (header.name.equalsIgnoreCase(name)) {
                joined = joined == null ? header.value : joined + ", " + header.value;
            }
        }
        return joined;
    }

    /** The same, or the default. */
    public String get(String name, String otherwise) {
        String value = get(name);
        return value == null ? otherwise : value;
    }

    /** Every value of this name, in order. */
    public List<String> getAll(String name) {
        return all.stream()
                .filter(one -> one.name.equalsIgnoreCase(name))
                .map(Header::value)
                .toList();
    }

    /** Set a header, replacing others of its name. */
    public void set(String name, String value) {
        all.removeIf(header -> header.name.equalsIgnoreCase(name));
        add(name, value);
    }

    /** One more header of this name. */
    public void add(String name, String value) {
        all.add(new Header(name, value));
    }

    /** All of them, in order. */
    public List<Header> list() {
        return List.copyOf(all);
    }
}
