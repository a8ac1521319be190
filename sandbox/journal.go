package sandbox

import (
	"encoding/json"
	"errors"
	"os"
	"slices"
	"sync"
	"time"

	"example.com/asr"
)

// Call is one AWS call that the gateway saw. Its own, made while it started,
// are not among them.
type Call struct {
	At        time.Time     `json:"at"`
	Principal Identity      `json:"principal"`
	Account   string        `json:"account"` // whose resources it acted on
	Region    string        `json:"region"`
	Service   string        `json:"service"`   // the signing name: "monitoring" is CloudWatch; "s3control" stands for S3 Control
	Operation string        `json:"operation"` // "PutBucketPolicy"; "METHOD /path" where the name is unknown
	Status    int           `json:"status"`    // HTTP; 0: the connection was dropped
	ErrorCode string        `json:"errorCode,omitempty"`
	Overlay   bool          `json:"overlay,omitempty"` // answered by the gateway, not by moto
	Fault     string        `json:"fault,omitempty"`   // what Trouble did to it; Status is what it came to all the same, 0: to nothing
	Took      time.Duration `json:"took"`
}

type journal struct {
	mu    sync.Mutex
	calls []Call
	file  *os.File // nil: memory only
	err   error    // of the first write that did not work
}

func newJournal(path string) (*journal, error) {
	j := &journal{}
	if path == "" {
		return j, nil
	}
	f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, &asr.Error{Code: asr.CodeBadInput, Message: "sandbox: journal", Err: err, Do: "name a file in a folder that you may write to"}
	}
	j.file = f
	return j, nil
}

func (j *journal) add(c Call) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.calls = append(j.calls, c)
	if j.file == nil || j.err != nil {
		return
	}
	line, err := json.Marshal(c)
	if err == nil {
		_, err = j.file.Write(append(line, '\n'))
	}
	j.err = err
}

func (j *journal) all() []Call {
	j.mu.Lock()
	defer j.mu.Unlock()
	return slices.Clone(j.calls)
}

func (j *journal) reset() {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.calls = nil
}

// close reports what could not be written.
func (j *journal) close() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.file == nil {
		return nil
	}
	err := errors.Join(j.err, j.file.Close())
	j.file = nil
	return err
}
