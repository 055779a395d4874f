package io.tidegate;

import java.math.BigInteger;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** Reads one JSON text, strictly. */
final class JsonReader {
    private static final int LONG_DIGITS = 18;
    private static final char END = '\0';

    private final String text;
    private int at;

    JsonReader(String text) {
        this.text = text;
    }

    /** The text's value. */
    Object read() {
        Object value = value(0);
        peek();
        if (at < text.length()) {
            throw malformed("something follows the value");
        }
        return value;
    }

    private Object value(int depth) {
        if (depth > Json.DEPTH_LIMIT) {
            throw new Json.Malformed("it is nested too deeply");
        }
        return switch (peek()) {
            case '{' -> object(depth);
            case '[' -> array(depth);
            case '"' -> string();
            case 't' -> word("true", Boolean.TRUE);
            case 'f' -> word("false", Boolean.FALSE);
            case 'n' -> word("null", null);
            default -> number();
        };
    }

    private Map<String, Object> object(int depth) {
        Map<String, Object> members = new LinkedHashMap<>();
        at++;
        if (taken('}')) {
            return members;
        }
        do {
            if (peek() != '"') {
                throw malformed("a name is expected");
            }
            String name = string();
            expect(':');
            members.put(name, value(depth + 1));
        } while (taken(','));
        expect('}');
        return members;
    }

    private List<Object> array(int depth) {
        List<Object> items = new ArrayList<>();
        at++;
        if (taken(']')) {
            return items;
        }
        do {
            items.add(value(depth + 1));
        } while (taken(','));
        expect(']');
        return items;
    }

    private String string() {
        int start = ++at;
        while (at < text.length()) {
            char one = text.charAt(at);
            if (one == '"') {
                return text.substring(start, at++);
            }
            if (one == '\\') {
                return escaped(new StringBuilder(text.substring(start, at)));
            }
            if (one < ' ') {
                throw malformed("a control character stands in a string");
            }
            at++;
        }
        throw malformed("a string does not end");
    }

    private String escaped(StringBuilder read) {
        while (at < text.length()) {
            char one = text.charAt(at++);
            if (one == '"') {
                return read.toString();
            }
            if (one < ' ') {
                throw malformed("a control character stands in a string");
            }
            read.append(one == '\\' ? escape() : one);
        }
        throw malformed("a string does not end");
    }

    private char escape() {
        char kind = at < text.length() ? text.charAt(at++) : END;
        return switch (kind) {
            case '"', '\\', '/' -> kind;
            case 'b' -> '\b';
            case 'f' -> '\f';
            case 'n' -> '\n';
            case 'r' -> '\r';
            case 't' -> '\t';
            case 'u' -> unicode();
            default -> throw malformed("an escape is unknown");
        };
    }

    private char unicode() {
        int code = 0;
        for (int end = at + 4; at < end; at++) {
            char one = at < text.length() ? text.charAt(at) : END;
            int digit = one < 128 ? Character.digit(one, 16) : -1;
            if (digit < 0) {
                throw malformed("an escape needs four hexadecimal digits");
            }
            code = code * 16 + digit;
        }
        return (char) code;
    }

    private Object word(String word, Object value) {
        if (!text.startsWith(word, at)) {
            throw malformed("a value is expected");
        }
        at += word.length();
        return value;
    }

    private Object number() {
        int start = at;
        skip('-');
        int whole = digits();
        if (whole == 0 || (whole > 1 && text.charAt(at - whole) == '0')) {
            throw malformed("a value is expected");
        }
        boolean isWhole = true;
        if (skip('.')) {
            isWhole = false;
            mustBeDigits();
        }
        if (skip('e') || skip('E')) {
            isWhole = false;
            if (!skip('+')) {
                skip('-');
            }
            mustBeDigits();
        }
        String number = text.substring(start, at);
        if (!isWhole) {
            return Double.valueOf(number);
        }
        return whole <= LONG_DIGITS ? (Object) Long.valueOf(number) : new BigInteger(number);
    }

    private void mustBeDigits() {
        if (digits() == 0) {
            throw malformed("a digit is expected");
        }
    }

    private int digits() {
        int start = at;
        while (at < text.length() && text.charAt(at) >= '0' && text.charAt(at) <= '9') {
            at++;
        }
        return at - start;
    }

    private boolean skip(char wanted) {
        if (at < text.length() && text.charAt(at) == wanted) {
            at++;
            return true;
        }
        return false;
    }

    /** The next character that is not space; END at the end. */
    private char peek() {
        while (at < text.length()) {
            char one = text.charAt(at);
            if (one != ' ' && one != '\n' && one != '\r' && one != '\t') {
                return one;
            }
            at++;
        }
        return END;
    }

    private boolean taken(char wanted) {
        return peek() == wanted && skip(wanted);
    }

    private void expect(char wanted) {
        if (!taken(wanted)) {
            throw malformed("'" + wanted + "' is expected");
        }
    }

    private Json.Malformed malformed(String what) {
        int line = 1;
        int start = 0;
        for (int end; (end = text.indexOf('\n', start)) >= 0 && end < at; start = end + 1) {
            line++;
        }
        return new Json.Malformed(what + " at line " + line + ", column " + (at - start + 1));
    }
}
