package sandbox

import (
	"bytes"
	"net/http"
	"regexp"
	"strings"
	"sync"
)

// settling makes RDS resources linger between two states; moto's change at once.
type settling struct {
	mu   sync.Mutex
	n    int            // Describe answers per change; 0: off
	left map[string]int // by "account/region/kind/id"; absent: n
}

func (s *settling) slow(n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.n, s.left = n, map[string]int{}
}

// rdsKind is how a Describe answer shows one kind of RDS resource.
type rdsKind struct {
	block   *regexp.Regexp // one resource
	id      *regexp.Regexp // its identifier within
	status  []byte         // what says that it is settled
	between []byte         // and that it isn't
}

func kind(element, status, between string) rdsKind {
	return rdsKind{
		block:   regexp.MustCompile(`(?s)<` + element + `>.*?</` + element + `>`),
		id:      regexp.MustCompile(`<` + element + `Identifier>([^<]*)<`),
		status:  []byte("<" + status + ">available</" + status + ">"),
		between: []byte("<" + status + ">" + between + "</" + status + ">"),
	}
}

func rdsKinds() map[string]rdsKind {
	return map[string]rdsKind{
		"DescribeDBInstances":        kind("DBInstance", "DBInstanceStatus", "modifying"),
		"DescribeDBClusters":         kind("DBCluster", "Status", "modifying"),
		"DescribeDBSnapshots":        kind("DBSnapshot", "Status", "creating"),
		"DescribeDBClusterSnapshots": kind("DBClusterSnapshot", "Status", "creating"),
	}
}

// rewrite changes an answer of moto's RDS accordingly.
func (s *settling) rewrite(q *request, a *answer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.n == 0 || q.service != "rds" || a.status != http.StatusOK {
		return
	}
	k, describes := rdsKinds()[q.operation]
	switch {
	case describes:
		a.body = k.block.ReplaceAllFunc(a.body, func(block []byte) []byte { return s.linger(q, a, k, block) })
	case !strings.HasPrefix(q.operation, "Describe") && !strings.HasPrefix(q.operation, "List"):
		for name, values := range q.form {
			if strings.HasSuffix(name, "Identifier") {
				delete(s.left, s.name(q, values[0]))
			}
		}
	}
}

func (s *settling) linger(q *request, a *answer, k rdsKind, block []byte) []byte {
	id := k.id.FindSubmatch(block)
	if id == nil {
		return block
	}
	name := s.name(q, string(id[1]))
	left, seen := s.left[name]
	if !seen {
		left = s.n
	}
	s.left[name] = left
	if left == 0 {
		return block
	}
	s.left[name]--
	a.overlay = true
	return bytes.Replace(block, k.status, k.between, 1)
}

func (s *settling) name(q *request, id string) string {
	return q.account + "/" + q.region + "/" + strings.ToLower(id)
}
