package org

// plans says what is built where. Names, tags and mistakes are as one finds
// them: a shop that grew, a data platform that is newer, a lab that nobody
// watches, and a security account that is nearly right.
func plans() map[place][]step {
	return map[place][]step{
		{hub, virginia}: {
			network{}.build, encryptionDefault,
			bucket{name: "security-audit-logs-" + hub, tags: prod.with(terraform), policy: trailDelivery, unlogged: true}.build,
			privateByDefault, passwords{good: true}.build,
			trail{name: "org-audit", bucket: "security-audit-logs-" + hub, group: "org-audit", everywhere: true, validated: true, watched: true}.build,
			logGroup{"/aws/lambda/alert-forwarder", 30, prod.with(tags{"team": "security"})}.build,
			queue{"security-alerts-dlq", prod.with(tags{"team": "security"}), false}.build,
			user{name: "break-glass", tags: prod.with(tags{"team": "security"}), password: 20, mfa: true}.build,
		},
		{hub, ireland}: {network{}.build, encryptionDefault},

		{shop, virginia}: {
			bucket{name: "shop-prod-access-logs", tags: prod, policy: logDelivery, unlogged: true}.build,
			bucket{name: "shop-prod-product-images", tags: prod.with(tags{"team": "storefront"}), log: "shop-prod-access-logs", open: true, public: []string{"s3:GetObject"}}.build,
			bucket{name: "shop-prod-partner-uploads", tags: prod.with(tags{"team": "partners"}), log: "shop-prod-access-logs", open: true, public: []string{"s3:PutObject"}}.build,
			bucket{name: "shop-prod-invoices", tags: prod.with(tags{"team": "billing", "data": "personal"}), log: "shop-prod-access-logs", plain: true}.build,
			bucket{name: "shop-prod-mail-templates", tags: prod.with(terraform), log: "shop-prod-access-logs", plain: true}.build,
			network{
				name: "shop", cidr: "10.20.0.0/16", tags: prod.with(terraform), unlogged: true, defaultOpen: true,
				subnets: []subnet{{"shop-public-a", "10.20.0.0/20", true}, {"shop-private-a", "10.20.16.0/20", false}},
				groups: []group{
					{"bastion", []port{{"tcp", 22, 22, anyIPv4}}, "EC2.13", "SSH is open to the internet", prod.with(tags{"team": "platform"})},
					{"legacy-search", []port{{"tcp", 9200, 9300, anyIPv4}}, "EC2.19", "Elasticsearch is open to the internet", prod.with(tags{"team": "search"})},
					{"web-alb", []port{{"tcp", 80, 80, anyIPv4}, {"tcp", 443, 443, anyIPv4}, {"tcp", 443, 443, anyIPv6}}, "", "", prod.with(terraform)},
					{"shop-db", []port{{"tcp", 5432, 5432, "10.20.0.0/16"}}, "", "", prod.with(terraform)},
				},
				instances: []instance{{"shop-web-1", true, prod.with(stack("shop-web"))}, {"shop-worker-1", false, prod.with(terraform)}},
			}.build,
			encryptionDefault, publicByDefault, passwords{}.build,
			user{name: "ci-deploy", tags: prod.with(tags{"team": "platform"}), key: 400, keyUsed: 1}.build,
			user{name: "report-bot", tags: prod.with(tags{"team": "billing"}), key: 70, keyUsed: 60}.build,
			user{name: "jane.doe", tags: prod, password: 3}.build,
			user{name: "old-contractor", tags: prod, path: "/external/", key: 500, keyUsed: 200, password: 210}.build,
			key{"orders", prod.with(tags{"team": "orders"}), false}.build,
			key{"payments", prod.with(terraform), true}.build,
			bucket{name: "shop-prod-cloudtrail", tags: prod, policy: trailDelivery, log: "shop-prod-access-logs"}.build,
			trail{name: "shop-audit", bucket: "shop-prod-cloudtrail", group: "shop-audit", everywhere: true}.build,
			logGroup{"/aws/lambda/shop-checkout", 7, prod.with(stack("shop-checkout"))}.build,
			logGroup{"/aws/lambda/shop-mailer", 30, prod.with(tags{"team": "storefront"})}.build,
			logGroup{"/shop/orders", 731, prod.with(terraform)}.build,
			database{name: "shop-orders", tags: prod.with(stack("shop-orders")), public: true, single: true}.build,
			leftover{"shop-legacy-final", prod.with(tags{"team": "orders"})}.build,
			function{"shop-webhook", prod.with(tags{"team": "partners"}), "*", ""}.build,
			function{"shop-thumbnails", prod.with(terraform), "s3.amazonaws.com", shop}.build,
			queue{"shop-orders-dlq", prod.with(tags{"team": "orders"}), false}.build,
			queue{"shop-orders", prod.with(stack("shop-orders")), true}.build,
			secret{"shop/stripe-api-key", prod, 300, 1}.build,
			secret{"shop/old-smtp-password", prod.with(tags{"team": "storefront"}), 700, 0}.build,
		},
		{shop, ireland}: {
			network{
				name: "shop-eu", cidr: "10.21.0.0/16", tags: prod.with(tags{"team": "platform"}), unlogged: true,
				subnets: []subnet{{"shop-eu-private-a", "10.21.0.0/20", false}},
				groups:  []group{{"windows-jump", []port{{"tcp", 3389, 3389, anyIPv6}}, "EC2.14", "RDP is open to the internet over IPv6", prod.with(tags{"team": "platform"})}},
			}.build,
			plainVolumes,
			bucket{name: "shop-prod-exports-eu", tags: prod.with(tags{"team": "billing"}), plain: true, unlogged: true}.build,
		},

		{data, virginia}: {
			network{}.build, encryptionDefault, privateByDefault, passwords{good: true}.build,
			publicSnapshot{"pg-migration-2023", prod.with(tags{"team": "data"})}.build,
			user{name: "etl-legacy", tags: prod.with(tags{"team": "data"}), path: "/services/", key: 120, keyUsed: 2}.build,
			bucket{name: "data-prod-cloudtrail", tags: prod.with(terraform), policy: trailDelivery, unlogged: true}.build,
			trail{name: "data-audit", bucket: "data-prod-cloudtrail", validated: true}.build,
		},
		{data, ireland}: {
			bucket{name: "data-prod-access-logs", tags: prod.with(terraform), policy: logDelivery, unlogged: true}.build,
			bucket{name: "data-prod-landing", tags: prod.with(tags{"team": "ingest"}), log: "data-prod-access-logs", plain: true}.build,
			bucket{name: "data-prod-athena-results", tags: prod.with(tags{"team": "analytics"}), unlogged: true}.build,
			network{
				name: "warehouse", cidr: "10.30.0.0/16", tags: prod.with(tags{"team": "data"}), unlogged: true,
				subnets: []subnet{{"warehouse-a", "10.30.0.0/20", false}},
				groups:  []group{{"airflow", []port{{"tcp", 8080, 8080, anyIPv4}}, "EC2.18", "Airflow's console is open to the internet", prod.with(tags{"team": "data"})}},
			}.build,
			encryptionDefault,
			key{"warehouse", prod.with(tags{"team": "data"}), false}.build,
			database{name: "warehouse", tags: prod.with(terraform), single: true}.build,
			logGroup{"/ecs/warehouse-loader", 14, prod.with(tags{"team": "data"})}.build,
			queue{"etl-jobs", prod.with(terraform), true}.build,
			secret{"legacy/ftp-password", prod.with(tags{"team": "ingest"}), 400, 200}.build,
		},

		{lab, virginia}: {
			bucket{name: "lab-scratch-" + lab, tags: sandboxed, open: true, plain: true, unlogged: true}.build,
			network{
				name: "lab", cidr: "172.16.0.0/16", tags: sandboxed, unlogged: true, defaultOpen: true,
				subnets: []subnet{{"lab-a", "172.16.0.0/20", true}},
				groups:  []group{{"jupyter", []port{{"tcp", 8888, 8888, anyIPv4}}, "EC2.19", "Jupyter is open to the internet", sandboxed}},
			}.build,
			encryptionDefault, privateByDefault, noPasswords, noTrail,
			user{name: "student-7", tags: sandboxed, key: 300, keyUsed: 290}.build,
		},
		{lab, ireland}: {network{}.build, encryptionDefault},
	}
}
