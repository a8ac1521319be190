package deployed

import (
	"bytes"
	"compress/gzip"
	"embed"
	"fmt"
	"io"
	"io/fs"
	"strings"
)

// Names are the templates, in the order in which they are launched.
var Names = []string{"asr-hub.yaml", "asr-member.yaml", "asr-runbooks.yaml"}

// packed are the templates of templates/, each compressed: make templates writes both.
//
//go:embed packed/*.gz
var packed embed.FS

// Template is one of Names.
func Template(name string) ([]byte, error) {
	raw, err := fs.ReadFile(packed, "packed/"+name+".gz")
	if err != nil {
		return nil, fmt.Errorf("%s is no template: %s are", name, strings.Join(Names, ", "))
	}
	unzip, err := gzip.NewReader(bytes.NewReader(raw))
	if err != nil {
		return nil, err
	}
	return io.ReadAll(unzip)
}

// Templates are all templates by their names.
func Templates() (map[string][]byte, error) {
	all := map[string][]byte{}
	for _, name := range Names {
		text, err := Template(name)
		if err != nil {
			return nil, err
		}
		all[name] = text
	}
	return all, nil
}

// Pack compresses a template as it is embedded: the same text gives the same bytes.
func Pack(template []byte) ([]byte, error) {
	var out bytes.Buffer
	zip, err := gzip.NewWriterLevel(&out, gzip.BestCompression)
	if err != nil {
		return nil, err
	}
	if _, err := zip.Write(template); err != nil {
		return nil, err
	}
	err = zip.Close()
	return out.Bytes(), err
}
