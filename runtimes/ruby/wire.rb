# frozen_string_literal: true

module Tidegate
  # The client broke the protocol or a limit; the status and a sentence say how.
  class BadRequest < StandardError
    attr_reader :status

    def initialize(status, sentence)
      super(sentence)
      @status = status
    end
  end

  # A request's head. `lines` are its headers as they came, which only the function's worker takes
  # apart; `lower` finds those of Wire::KNOWN by their lower-case names. `length` is nil for a
  # chunked body.
  Head = Struct.new(:method, :target, :version, :lines, :lower, :length, :keep_alive) do
    # The target without its query, still encoded.
    def path
      cut = target.index("?")
      cut ? target[0, cut] : target
    end

    # Whether a response with status carries a body.
    def body?(status)
      method != "HEAD" && status != 204 && status != 304
    end
  end

  # HTTP/1.1 as bytes: request heads and response heads. Pure and strict.
  module Wire
    HEAD_LIMIT = 64 * 1024
    HEADER_COUNT_LIMIT = 200

    TOKEN = /[!#$%&'*+\-.^_`|~0-9A-Za-z]/n
    REQUEST_LINE = %r{\A(#{TOKEN}{1,32}) ([!-~\x80-\xff]+) HTTP/1\.([01])(?=\r\n|\z)}n
    HEADER = /#{TOKEN}++:[^\x00-\x08\x0a-\x1f\x7f]*+/n

    # All at once: a match for each line costs several times as much.
    HEAD = /#{REQUEST_LINE}((?:\r\n#{HEADER})*+)\z/n

    # The headers that the server itself looks at.
    KNOWN = %w[
      connection content-length content-type expect host referer transfer-encoding user-agent
      x-tidegate-deadline
    ].freeze
    KNOWN_HEADER = /\n(#{KNOWN.join("|")}):([^\r]*)/ni

    LENGTH = /\A[0-9]{1,15}\z/
    ONCE = %w[content-length host transfer-encoding content-type].freeze

    REASONS = {
      200 => "OK", 201 => "Created", 202 => "Accepted", 203 => "Non-Authoritative Information",
      204 => "No Content", 206 => "Partial Content", 301 => "Moved Permanently", 302 => "Found",
      303 => "See Other", 304 => "Not Modified", 307 => "Temporary Redirect",
      308 => "Permanent Redirect", 400 => "Bad Request", 401 => "Unauthorized",
      403 => "Forbidden", 404 => "Not Found", 405 => "Method Not Allowed",
      406 => "Not Acceptable", 408 => "Request Timeout", 409 => "Conflict", 410 => "Gone",
      412 => "Precondition Failed", 413 => "Content Too Large", 415 => "Unsupported Media Type",
      417 => "Expectation Failed", 418 => "I'm a Teapot", 422 => "Unprocessable Content",
      425 => "Too Early", 429 => "Too Many Requests", 431 => "Request Header Fields Too Large",
      500 => "Internal Server Error", 501 => "Not Implemented", 502 => "Bad Gateway",
      503 => "Service Unavailable", 504 => "Gateway Timeout"
    }.freeze

    class << self
      # The head from its bytes without the empty line; raises BadRequest.
      def parse_head(raw)
        method, target, version, lines = HEAD.match(raw)&.captures || refuse(raw)
        lower = known(lines)
        version = version.to_i
        raise BadRequest.new(400, "the request has no Host header") if version == 1 && !lower["host"]

        Head.new(method, origin_form(target), version, lines, lower,
                 body_length(lower, version), keep_alive?(lower, version))
      end

      # The first line of a response.
      def status_line(status)
        "HTTP/1.1 #{status} #{REASONS.fetch(status, "Status")}\r\n"
      end

      # The Date header line, made once a second.
      def date_line
        second = Process.clock_gettime(Process::CLOCK_REALTIME, :second)
        return @date_line if @second == second

        @second = second
        @date_line = Time.at(second).utc.strftime("Date: %a, %d %b %Y %H:%M:%S GMT\r\n")
      end

      private

      # Say what is wrong with a head.
      def refuse(raw)
        unless REQUEST_LINE.match?(raw)
          raise BadRequest.new(400, "the request line is not 'METHOD target HTTP/1.1'")
        end

        raise BadRequest.new(400, "a header line is malformed")
      end

      # The headers of KNOWN by lower-case name, repeated values joined.
      def known(lines)
        if lines.count("\n") > HEADER_COUNT_LIMIT
          raise BadRequest.new(431, "the request has more than #{HEADER_COUNT_LIMIT} headers")
        end

        lower = {}
        lines.scan(KNOWN_HEADER).each { |name, value| keep(lower, name.downcase, value.strip) }
        lower
      end

      def keep(lower, key, value)
        if !lower.key?(key)
          lower[key] = value
        elsif ONCE.include?(key)
          raise BadRequest.new(400, "the #{key} header is repeated")
        else
          lower[key] = "#{lower[key]}, #{value}"
        end
      end

      # The target as path and query; absolute targets lose scheme and host.
      def origin_form(target)
        return target if target.start_with?("/") || target == "*"

        rest = target[%r{\Ahttps?://[^/?]*(.*)\z}in, 1] or
          raise BadRequest.new(400, "the request target is not a path")
        rest.start_with?("/") ? rest : "/#{rest}"
      end

      def body_length(lower, version)
        length = lower["content-length"]
        return chunked(lower, version) if lower.key?("transfer-encoding")
        return 0 if length.nil?
        raise BadRequest.new(400, "the Content-Length is not a number") unless LENGTH.match?(length)

        length.to_i
      end

      def chunked(lower, version)
        if lower.key?("content-length")
          raise BadRequest.new(400, "the request has both Content-Length and Transfer-Encoding")
        end
        return nil if lower["transfer-encoding"].casecmp?("chunked") && version == 1

        raise BadRequest.new(501, "the only transfer encoding understood is chunked, in HTTP/1.1")
      end

      # Whether the client lets the connection live on.
      def keep_alive?(lower, version)
        return version == 1 unless lower.key?("connection")

        options = lower["connection"].downcase.split(",").map(&:strip)
        !options.include?("close") && (version == 1 || options.include?("keep-alive"))
      end
    end
  end
end
