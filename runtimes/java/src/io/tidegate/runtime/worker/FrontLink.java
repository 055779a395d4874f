package io.tidegate.runtime.worker;

import io.tidegate.runtime.Frame;
import java.io.BufferedInputStream;
import java.io.DataInputStream;
import java.io.EOFException;
import java.io.IOException;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.Socket;
import java.net.SocketException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.HexFormat;

/**
 * The worker's end of the channel.
 *
 * <p>A plain socket: a function's threads are interrupted, and an interrupt closes a channel of
 * java.nio in whose midst it comes.
 */
final class FrontLink {
    private static final int BUFFER = 64 * 1024;

    private final DataInputStream in;
    private final OutputStream out;

    private FrontLink(Socket socket) throws IOException {
        in = new DataInputStream(new BufferedInputStream(socket.getInputStream(), BUFFER));
        out = socket.getOutputStream();
    }

    /** Report at the front's door; its port and the secret come over the standard input. */
    static FrontLink connect() throws IOException {
        String line = new String(System.in.readAllBytes(), StandardCharsets.US_ASCII).strip();
        int space = line.indexOf(' ');
        int port = Integer.parseInt(line.substring(0, space));
        Socket socket = new Socket(InetAddress.getLoopbackAddress(), port);
        socket.setTcpNoDelay(true);
        FrontLink link = new FrontLink(socket);
        link.out.write(HexFormat.of().parseHex(line.substring(space + 1)));
        return link;
    }

    /** Send one frame; when the front is gone the reading thread finds out, too. */
    void send(Frame.Writer writer) {
        ByteBuffer frame = writer.done();
        synchronized (out) {
            try {
                out.write(frame.array(), 0, frame.limit());
            } catch (IOException error) {
                // told by receive
            }
        }
    }

    /** The next frame; null when the front has closed the channel. */
    Frame.Reader receive() throws IOException {
        try {
            byte[] frame = new byte[in.readInt()];
            in.readFully(frame);
            return new Frame.Reader(ByteBuffer.wrap(frame));
        } catch (EOFException | SocketException error) {
            return null;
        }
    }
}
