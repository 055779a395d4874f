# frozen_string_literal: true

require "json"
require_relative "headers"
require_relative "text"

module Tidegate
  # Query or form arguments: the last value of a name, which may be a symbol; `getall` has all.
  class Values < Hash
    def initialize(encoded)
      super()
      @pairs = Text.pairs(encoded)
      @pairs.each { |name, value| store(name, value) }
    end

    def [](name)
      super(name.to_s)
    end

    # Every value of this name, in order.
    def getall(name)
      @pairs.filter_map { |key, value| value if key == name.to_s }
    end
  end

  # The body's bytes, which also read like a file, as in Kubeless.
  class Body < String
    # The next size bytes, or all that are left.
    def read(size = nil)
      @offset ||= 0
      piece = byteslice(@offset, size || bytesize) || ""
      @offset += piece.bytesize
      piece.empty? && size&.positive? ? nil : piece.b
    end

    # Read from the start again.
    def rewind
      @offset = 0
    end
  end

  # The request as it came. Its names are those of the contract, and those of Sinatra's request.
  class Request
    attr_reader :method, :path, :fullpath, :query_string, :body, :remote_addr

    def initialize(method, target, lines, body, peer)
      @method = method.force_encoding(Encoding::UTF_8)
      @lines = lines
      @body = Body.new(body)
      @remote_addr = peer
      @fullpath = Text.of(target)
      encoded, _, query = target.partition("?")
      @path = Text.decode(encoded)
      @query_string = Text.of(query)
    end

    alias request_method method
    alias path_info path
    alias ip remote_addr

    # Most functions look at none.
    def headers
      @headers ||= Headers.parse(@lines)
    end

    # The arguments in the URL.
    def query
      @query ||= Values.new(@query_string)
    end
    alias args query

    # The arguments of a form in the body.
    def forms
      form = content_type.start_with?("application/x-www-form-urlencoded")
      @forms ||= Values.new(form ? @body.to_s : "")
    end

    # Those of the URL, and those of a form.
    def params
      @params ||= query.dup.merge!(forms)
    end

    # The whole URL, as the client or the proxy in front wrote it.
    def url
      scheme = headers["X-Forwarded-Proto"] || "http"
      "#{scheme}://#{headers["X-Forwarded-Host"] || headers["Host"]}#{fullpath}"
    end

    # The Content-Type, or an empty string.
    def content_type
      headers["Content-Type"] || ""
    end

    # Bytes of body.
    def content_length
      @body.bytesize
    end

    # The body as JSON, whatever its type; nil when empty.
    def json
      @body.empty? ? nil : JSON.parse(Text.of(@body))
    end

    # One header, or the default.
    def get_header(name, default = nil)
      headers[name] || default
    end
  end

  # Status and headers of the answer. A function shapes that of its event, or returns its own.
  class Response
    attr_accessor :status, :body
    attr_reader :headers

    def initialize(body = nil, status = 200, headers = {})
      @body = body
      @status = status
      @headers = Headers.new(headers.to_a)
    end

    # Set a header, replacing others of its name.
    def set_header(name, value)
      headers[name] = value
    end
    alias []= set_header

    # Add a header beside others of its name.
    def add_header(name, value)
      headers.add(name, value)
    end

    # The Content-Type, when set.
    def content_type
      headers["Content-Type"]
    end

    def content_type=(value)
      headers["Content-Type"] = value
    end
  end
end
