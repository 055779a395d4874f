# frozen_string_literal: true

module Tidegate
  # Loads RubyGems when something is not found without it: its start takes several times as long
  # as the interpreter's, and most functions live on the standard library.
  module LateGems
    # At once where gems are installed for the function, else when they are missed.
    def self.await
      return Kernel.require("rubygems") if ENV["GEM_HOME"] || ENV["GEM_PATH"] || ENV["RUBYOPT"]

      Object.autoload(:Gem, "rubygems")
      Object.prepend(self)
    end

    private

    def require(path)
      begin
        return super
      rescue LoadError => error
        raise if error.path != path || Object.autoload?(:Gem).nil?
      end
      Kernel.require("rubygems")
      super
    end

    def gem(...)
      Kernel.require("rubygems") if Object.autoload?(:Gem)
      super
    end
  end
end
