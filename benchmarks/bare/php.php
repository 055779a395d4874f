<?php

// The least that answers HTTP in PHP: a loop on select. Prints its port.

const ANSWER = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n\r\nhello";

$server = stream_socket_server('tcp://127.0.0.1:0');
echo substr(strrchr(stream_socket_get_name($server, false), ':'), 1), "\n";
$sockets = [$server];
while (true) {
    [$readable, $writable, $except] = [$sockets, null, null];
    stream_select($readable, $writable, $except, null);
    foreach ($readable as $socket) {
        if ($socket === $server) {
            $sockets[] = stream_socket_accept($server);
        } elseif (($request = fread($socket, 65536)) === '') {
            unset($sockets[array_search($socket, $sockets, true)]);
        } elseif (str_contains($request, "\r\n\r\n")) {
            fwrite($socket, ANSWER);
        }
    }
}
