package main

import (
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/scanner"
	"go/token"
	"os"
	"path/filepath"

	"tidegate.io/go/internal/settings"
)

// source is a function's file, as far as building needs to know it.
type source struct {
	module, handler string // the names that the environment gives
	folder, file    string
	packageName     string
}

// readSource finds the function in its file; an error is a loadError.
func readSource(found *settings.Settings) (*source, error) {
	s := &source{
		module: found.Module, handler: found.Handler, folder: found.Folder,
		file: filepath.Join(found.Folder, found.Module+".go"),
	}
	if _, err := os.Stat(s.file); err != nil {
		return nil, s.fail("there is no file %s", s.file)
	}
	parsed, err := parser.ParseFile(token.NewFileSet(), s.file, nil, parser.SkipObjectResolution)
	if list := (scanner.ErrorList)(nil); errors.As(err, &list) {
		return nil, s.fail("%s does not compile: %v", s.file, list[0])
	} else if err != nil {
		return nil, s.fail("%s cannot be read: %v", s.file, err)
	}
	s.packageName = parsed.Name.Name
	if s.packageName == "main" {
		return nil, s.fail("%s is in package main: name the package kubeless", s.file)
	}
	return s, s.find(parsed)
}

// find looks for the function among the file's declarations.
func (s *source) find(file *ast.File) error {
	for _, declaration := range file.Decls {
		switch declaration := declaration.(type) {
		case *ast.FuncDecl:
			if declaration.Recv == nil && declaration.Name.Name == s.handler {
				return s.exported()
			}
		case *ast.GenDecl:
			if declares(declaration, s.handler) {
				return s.fail("'%s' in %s is not a function", s.handler, s.file)
			}
		}
	}
	return s.fail("%s defines no '%s'", s.file, s.handler)
}

func (s *source) exported() error {
	if !ast.IsExported(s.handler) {
		return s.fail("'%s' in %s is not exported: begin its name with a capital",
			s.handler, s.file)
	}
	return nil
}

func declares(declaration *ast.GenDecl, name string) bool {
	for _, spec := range declaration.Specs {
		switch spec := spec.(type) {
		case *ast.TypeSpec:
			if spec.Name.Name == name {
				return true
			}
		case *ast.ValueSpec:
			for _, declared := range spec.Names {
				if declared.Name == name {
					return true
				}
			}
		}
	}
	return false
}

func (s *source) fail(format string, arguments ...any) error {
	return loadError{fmt.Sprintf("loading %s.%s: ", s.module, s.handler) +
		fmt.Sprintf(format, arguments...)}
}
