# frozen_string_literal: true

# The least that answers HTTP in Ruby: a thread for each connection. Prints its port.

require "socket"

ANSWER = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n\r\nhello"

def serve(socket)
  while (line = socket.gets("\r\n"))
    length = line.split(":")[1].to_i if line.downcase.start_with?("content-length:")
    next unless line == "\r\n"

    socket.read(length) if length
    socket.write(ANSWER)
    length = nil
  end
ensure
  socket.close
end

server = TCPServer.new("127.0.0.1", 0)
$stdout.puts(server.addr[1])
$stdout.flush
Thread.new(server.accept) { |socket| serve(socket) } while true
