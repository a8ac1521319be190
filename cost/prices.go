package cost

import (
	_ "embed"
	"fmt"

	"go.yaml.in/yaml/v3"
)

//go:embed prices.yaml
var pricesFile []byte

// Prices is a table of list prices of one Region.
type Prices struct {
	Region string  `yaml:"region" json:"region"`
	Date   string  `yaml:"date" json:"date"` // when they were compared with AWS's pages
	Prices []Price `yaml:"prices" json:"prices"`
}

// Price is what Per units cost, in US dollars.
type Price struct {
	ID      string  `yaml:"id" json:"id"`
	Service string  `yaml:"service" json:"service"`
	Unit    string  `yaml:"unit" json:"unit"`
	Per     float64 `yaml:"per" json:"per"`
	USD     float64 `yaml:"usd" json:"usd"`
	Source  string  `yaml:"source" json:"source"`
}

// ListPrices are the prices that are kept with the product.
func ListPrices() (Prices, error) {
	var p Prices
	if err := yaml.Unmarshal(pricesFile, &p); err != nil {
		return p, fmt.Errorf("cost/prices.yaml: %w", err)
	}
	return p, nil
}

// of returns a price by its id. A line without a price is a defect of ours, so
// that each id is used and found is a test.
func (p Prices) of(id string) Price {
	for _, one := range p.Prices {
		if one.ID == id {
			return one
		}
	}
	return Price{ID: id, Unit: "without a price", Per: 1}
}
