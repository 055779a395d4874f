package wire

import "strings"

// Tables of the bytes that RFC 9110 and 9112 allow, one look-up per byte.
var (
	tokenBytes  = table(func(b byte) bool { return isAlphanumeric(b) || strings.IndexByte("!#$%&'*+-.^_`|~", b) >= 0 })
	targetBytes = table(func(b byte) bool { return b > ' ' && b != 0x7f })
	valueBytes  = table(func(b byte) bool { return b == '\t' || b >= ' ' && b != 0x7f })
	hostBytes   = table(func(b byte) bool { return isAlphanumeric(b) || strings.IndexByte("!$%&'()*+,-.:;=[]_~", b) >= 0 })
)

func table(allowed func(byte) bool) (bytes [256]bool) {
	for b := range bytes {
		bytes[b] = allowed(byte(b))
	}
	return bytes
}

func isAlphanumeric(b byte) bool {
	return b >= '0' && b <= '9' || b >= 'a' && b <= 'z' || b >= 'A' && b <= 'Z'
}

type text interface{ ~string | ~[]byte }

func isToken[T text](text T) bool  { return len(text) > 0 && consistsOf(text, &tokenBytes) }
func isTarget[T text](text T) bool { return len(text) > 0 && consistsOf(text, &targetBytes) }
func isHost[T text](text T) bool   { return consistsOf(text, &hostBytes) }
func isValue[T text](text T) bool  { return consistsOf(text, &valueBytes) }

func consistsOf[T text](text T, allowed *[256]bool) bool {
	for i := range len(text) {
		if !allowed[text[i]] {
			return false
		}
	}
	return true
}

// IsHeader tells whether HTTP allows a header's name and value.
func IsHeader(name, value string) bool { return isToken(name) && isValue(value) }
