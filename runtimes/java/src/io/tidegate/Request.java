package io.tidegate;

import io.tidegate.Headers.Header;
import java.net.URLDecoder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** The request as it came. */
public final class Request {
    private final String method;
    private final String target;
    private final Headers headers;
    private final byte[] body;
    private final String remoteAddress;

    /** A request; `target` is its path with its query, as sent. */
    public Request(
            String method, String target, Headers headers, byte[] body, String remoteAddress) {
        this.method = method;
        this.target = target;
        this.headers = headers;
        this.body = body;
        this.remoteAddress = remoteAddress;
    }

    /** A request for a test of a function. */
    public static Request of(String method, String target, String body) {
        byte[] bytes = body.getBytes(StandardCharsets.UTF_8);
        return new Request(method, target, new Headers(), bytes, "127.0.0.1");
    }

    public String method() {
        return method;
    }

    /** The path, percent-decoded. */
    public String path() {
        int mark = target.indexOf('?');
        return percentDecoded(mark < 0 ? target : target.substring(0, mark));
    }

    /** The query as sent, without its mark. */
    public String queryString() {
        int mark = target.indexOf('?');
        return mark < 0 ? "" : target.substring(mark + 1);
    }

    /** Path and query, as sent. */
    public String fullPath() {
        return target;
    }

    /** The whole URL, as the client or the proxy in front wrote it. */
    public String url() {
        String host = headers.get("X-Forwarded-Host", headers.get("Host", ""));
        return headers.get("X-Forwarded-Proto", "http") + "://" + host + target;
    }

    /** The arguments in the URL: the last value of each name. */
    public Map<String, String> query() {
        return last(arguments(queryString()));
    }

    /** Every value of one argument, in order. */
    public List<String> queryAll(String name) {
        return arguments(queryString()).stream()
                .filter(one -> one.name().equals(name))
                .map(Header::value)
                .toList();
    }

    /** The arguments of a form in the body: the last value of each name. */
    public Map<String, String> forms() {
        boolean isForm = contentType().startsWith("application/x-www-form-urlencoded");
        return last(arguments(isForm ? text() : ""));
    }

    public Headers headers() {
        return headers;
    }

    /** One header, or null. */
    public String header(String name) {
        return headers.get(name);
    }

    /** One header, or the default. */
    public String header(String name, String otherwise) {
        return headers.get(name, otherwise);
    }

    /** The body's bytes. */
    public byte[] body() {
        return body;
    }

    /** The body as UTF-8. */
    public String text() {
        return new String(body, StandardCharsets.UTF_8);
    }

    /** The body as JSON, whatever its type; null when empty. */
    public Object json() {
        return body.length == 0 ? null : Json.read(body);
    }

    /** The Content-Type, or an empty string. */
    public String contentType() {
        return headers.get("Content-Type", "");
    }

    /** Bytes of body. */
    public int contentLength() {
        return body.length;
    }

    public String remoteAddress() {
        return remoteAddress;
    }

    private static List<Header> arguments(String encoded) {
        List<Header> arguments = new ArrayList<>();
        for (String one : encoded.split("&")) {
            int mark = one.indexOf('=');
            String name = mark < 0 ? one : one.substring(0, mark);
            if (!one.isEmpty()) {
                String value = mark < 0 ? "" : one.substring(mark + 1);
                arguments.add(new Header(formDecoded(name), formDecoded(value)));
            }
        }
        return arguments;
    }

    private static Map<String, String> last(List<Header> arguments) {
        Map<String, String> byName = new LinkedHashMap<>();
        arguments.forEach(one -> byName.put(one.name(), one.value()));
        return byName;
    }

    /** The text with %XX decoded as UTF-8; what is no encoding stays as it is. */
    public static String percentDecoded(String text) {
        return text.indexOf('%') < 0 ? text : formDecoded(text.replace("+", "%2B"));
    }

    private static String formDecoded(String text) {
        if (text.indexOf('%') < 0) {
            return text.replace('+', ' ');
        }
        String lenient = text.replaceAll("%(?![0-9A-Fa-f]{2})", "%25");
        return URLDecoder.decode(lenient, StandardCharsets.UTF_8);
    }
}
