package io.tidegate.runtime.front;

import static java.nio.charset.StandardCharsets.ISO_8859_1;

import io.tidegate.Headers.Header;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/** Reads a request's head from its bytes without the empty line. Strict. */
final class HeadParser {
    static final int HEAD_LIMIT = 64 * 1024;
    static final int HEADER_LIMIT = 200;

    private static final int METHOD_LIMIT = 32;
    private static final int LENGTH_DIGITS = 15;
    private static final String BEFORE_MINOR = " HTTP/1.";
    private static final boolean[] TOKEN = new boolean[256];

    static {
        for (char one = '0'; one <= 'z'; one++) {
            TOKEN[one] = Character.isLetterOrDigit(one);
        }
        for (char one : "!#$%&'*+-.^_`|~".toCharArray()) {
            TOKEN[one] = true;
        }
    }

    private final byte[] raw;
    private final List<Header> headers = new ArrayList<>();
    private final Map<String, String> known = new HashMap<>();
    private int at;

    private HeadParser(byte[] raw) {
        this.raw = raw;
    }

    /** The head. */
    static Head parse(byte[] raw) throws BadRequest {
        return new HeadParser(raw).head();
    }

    private Head head() throws BadRequest {
        int targetAt = token(METHOD_LIMIT) + 1;
        String method = new String(raw, 0, targetAt - 1, ISO_8859_1);
        int end = targetAt;
        while (end < raw.length && ((raw[end] & 0xff) > ' ' && raw[end] != 0x7f)) {
            end++;
        }
        int minor = version(end);
        if (targetAt == 1 || end == targetAt || minor < 0 || raw[targetAt - 1] != ' ') {
            throw new BadRequest(400, "the request line is not 'METHOD target HTTP/1.1'");
        }
        at = end + BEFORE_MINOR.length() + 1;
        while (at < raw.length) {
            header();
        }
        if (minor == 1 && !known.containsKey("host")) {
            throw new BadRequest(400, "the request has no Host header");
        }
        String target = originForm(new String(raw, targetAt, end - targetAt, ISO_8859_1));
        return new Head(method, target, minor, headers, known, length(minor), keepAlive(minor));
    }

    /** The minor version that ends the request line; -1 when it does not. */
    private int version(int from) {
        int digit = from + BEFORE_MINOR.length();
        if (digit >= raw.length
                || !new String(raw, from, digit - from, ISO_8859_1).equals(BEFORE_MINOR)) {
            return -1;
        }
        boolean ends = digit + 1 == raw.length || isLineEnd(digit + 1);
        return ends && (raw[digit] == '0' || raw[digit] == '1') ? raw[digit] - '0' : -1;
    }

    private boolean isLineEnd(int index) {
        return index + 1 < raw.length && raw[index] == '\r' && raw[index + 1] == '\n';
    }

    private void header() throws BadRequest {
        at += 2;
        if (headers.size() == HEADER_LIMIT) {
            throw new BadRequest(431, "the request has more than " + HEADER_LIMIT + " headers");
        }
        int start = at;
        int colon = token(HEAD_LIMIT);
        if (colon == start || colon == raw.length || raw[colon] != ':') {
            throw new BadRequest(400, "a header line is malformed");
        }
        add(new String(raw, start, colon - start, ISO_8859_1), value(colon + 1));
    }

    private int token(int limit) {
        int end = at;
        while (end < raw.length && end - at < limit && TOKEN[raw[end] & 0xff]) {
            end++;
        }
        return end;
    }

    private String value(int from) throws BadRequest {
        int start = from;
        while (start < raw.length && isSpace(raw[start])) {
            start++;
        }
        int end = start;
        while (end < raw.length && isText(raw[end])) {
            end++;
        }
        if (end < raw.length && !isLineEnd(end)) {
            throw new BadRequest(400, "a header line is malformed");
        }
        at = end;
        while (end > start && isSpace(raw[end - 1])) {
            end--;
        }
        return new String(raw, start, end - start, ISO_8859_1);
    }

    private static boolean isText(byte one) {
        return one < 0 || one == '\t' || (one >= ' ' && one != 0x7f);
    }

    private static boolean isSpace(byte one) {
        return one == ' ' || one == '\t';
    }

    private void add(String name, String value) throws BadRequest {
        headers.add(new Header(name, value));
        String key = name.toLowerCase(Locale.ROOT);
        String earlier = known.put(key, value);
        if (earlier != null) {
            switch (key) {
                case "content-length", "host", "transfer-encoding", "content-type" ->
                        throw new BadRequest(400, "the " + key + " header is repeated");
                default -> known.put(key, earlier + ", " + value);
            }
        }
    }

    /** Absolute targets lose scheme and host. */
    private static String originForm(String target) throws BadRequest {
        if (target.startsWith("/") || target.equals("*")) {
            return target;
        }
        int mark = target.indexOf("://");
        String scheme = mark < 0 ? "" : target.substring(0, mark).toLowerCase(Locale.ROOT);
        if (!scheme.equals("http") && !scheme.equals("https")) {
            throw new BadRequest(400, "the request target is not a path");
        }
        int cut = mark + 3;
        while (cut < target.length() && target.charAt(cut) != '/' && target.charAt(cut) != '?') {
            cut++;
        }
        String path = target.substring(cut);
        return path.startsWith("/") ? path : "/" + path;
    }

    private long length(int minor) throws BadRequest {
        String length = known.get("content-length");
        String encoding = known.get("transfer-encoding");
        if (encoding != null && length != null) {
            throw new BadRequest(400, "the request has both Content-Length and Transfer-Encoding");
        }
        if (encoding != null) {
            if (minor == 1 && encoding.equalsIgnoreCase("chunked")) {
                return Head.CHUNKED;
            }
            throw new BadRequest(
                    501, "the only transfer encoding understood is chunked, in HTTP/1.1");
        }
        if (length == null) {
            return 0;
        }
        if (length.isEmpty() || length.length() > LENGTH_DIGITS || !isDigits(length)) {
            throw new BadRequest(400, "the Content-Length is not a number");
        }
        return Long.parseLong(length);
    }

    private static boolean isDigits(String text) {
        for (int index = 0; index < text.length(); index++) {
            if (text.charAt(index) < '0' || text.charAt(index) > '9') {
                return false;
            }
        }
        return true;
    }

    private boolean keepAlive(int minor) {
        String connection = known.get("connection");
        boolean kept = minor == 1;
        if (connection != null) {
            for (String option : connection.split(",")) {
                switch (option.strip().toLowerCase(Locale.ROOT)) {
                    case "close" -> {
                        return false;
                    }
                    case "keep-alive" -> kept = true;
                    default -> {}
                }
            }
        }
        return kept;
    }
}
