#!/bin/sh
# Starts nginx and php-fpm as Kubeless's image for PHP did: nginx hands whatever comes at PORT to
# php.php, and php-fpm has the pool that its image comes with. Both are of the folder PACKAGES, and
# write into the one that this is run in. Kubeless's supervisord is left out, which is in its favour.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
export FUNC_HANDLER="$1"

cat > fpm.conf <<CONF
[global]
error_log = /dev/stderr
log_level = error
[www]
user = $(id -un)
listen = $PWD/fpm.sock
clear_env = no
pm = dynamic
pm.max_children = 5
pm.start_servers = 2
pm.min_spare_servers = 1
pm.max_spare_servers = 3
CONF

cat > nginx.conf <<CONF
user $(id -un) $(id -gn);
worker_processes auto;
pid nginx.pid;
events {}
http {
    access_log off;
    client_body_temp_path body;
    fastcgi_temp_path fastcgi;
    proxy_temp_path proxy;
    scgi_temp_path scgi;
    uwsgi_temp_path uwsgi;
    server {
        listen 127.0.0.1:$PORT;
        location / {
            fastcgi_pass unix:$PWD/fpm.sock;
            fastcgi_param CONTENT_LENGTH \$content_length;
            fastcgi_param CONTENT_TYPE \$content_type;
            fastcgi_param QUERY_STRING \$query_string;
            fastcgi_param REQUEST_METHOD \$request_method;
            fastcgi_param REQUEST_URI \$request_uri;
            fastcgi_param SCRIPT_FILENAME $here/php.php;
            fastcgi_param SCRIPT_NAME /;
            fastcgi_param SERVER_PROTOCOL \$server_protocol;
        }
    }
}
CONF

"$PACKAGES"/usr/sbin/php-fpm* --nodaemonize --allow-to-run-as-root --fpm-config fpm.conf \
    -d include_path="$PACKAGES/usr/share/php" -d display_errors=0 \
    -d zend_extension=opcache -d extension=ffi -d ffi.enable=1 &
until [ -S fpm.sock ]; do sleep 0.01; done
exec "$PACKAGES/usr/sbin/nginx" -e stderr -p "$PWD" -c nginx.conf -g 'daemon off;'
