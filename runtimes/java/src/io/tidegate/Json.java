package io.tidegate;

import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;

/** JSON to plain values and back. */
public final class Json {
    static final int DEPTH_LIMIT = 500;

    private Json() {}

    /** What is wrong with a text, and where; without a word of it. */
    public static final class Malformed extends IllegalArgumentException {
        private static final long serialVersionUID = 1;

        Malformed(String message) {
            super(message);
        }
    }

    /** A Map, List, String, Long, BigInteger, Double, Boolean or null; throws Malformed. */
    public static Object read(byte[] encoded) {
        try {
            ByteBuffer bytes = ByteBuffer.wrap(encoded);
            String text = StandardCharsets.UTF_8.newDecoder().decode(bytes).toString();
            return new JsonReader(text).read();
        } catch (CharacterCodingException error) {
            throw new Malformed("it is not UTF-8");
        }
    }

    /** The value as JSON; throws IllegalArgumentException for what JSON cannot say. */
    public static byte[] write(Object value) {
        JsonWriter writer = new JsonWriter();
        writer.write(value, 0);
        return writer.text().getBytes(StandardCharsets.UTF_8);
    }
}
