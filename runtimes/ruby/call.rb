# frozen_string_literal: true

module Tidegate
  # The call cannot be taken now; the message is for the client, who may try again.
  class Unavailable < StandardError; end

  # A request for the function on its way through the front. `received` and `deadline` are the
  # reactor's times; `reply` is the client's connection.
  class Call
    attr_reader :head, :peer, :received, :deadline, :unix_deadline, :reply
    attr_accessor :body, :grace_ends

    def initialize(head, body, reply, received, allowed)
      @head = head
      @body = body
      @reply = reply
      @peer = reply.peer
      @received = received
      @deadline = received + allowed
      @unix_deadline = Time.now.to_f + allowed
      @streaming = @settled = false
    end

    # Whether the head of the answer has gone.
    def streaming?
      @streaming
    end

    # Whether the client has its answer; its worker may not have ended.
    def settled?
      @settled
    end

    def streams
      @streaming = true
    end

    def settles
      @settled = true
    end
  end

  # Heads of the server's own answers.
  PLAIN = "Content-Type: text/plain; charset=utf-8\r\n"
  RETRY = "#{PLAIN}Retry-After: 1\r\n"
end
