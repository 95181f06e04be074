//! Where a number may be inside of a country with several clocks, by its area code.
//!
//! Facts from libphonenumber's `resources/timezones/map_data.txt` (Apache License 2.0), which goes down to exchanges; here
//! it is one line for each set of clocks, and an area that has several has all of them. Saskatchewan's own clock, which
//! does not change, stands beside Manitoba's. Areas that are not listed, and numbers of no area, such as those of mobile
//! phones in most countries, are left to whoever knows the country alone.

/// Time zones, and the beginnings of numbers that are there; the longest beginning counts.
#[rustfmt::skip]
const AREAS: &[(&[&str], &str)] = &[
    (&["America/New_York"],
     "1201 1202 1203 1207 1212 1215 1216 1220 1223 1229 1231 1234 1239 1240 1248 1252 1260 1267 1269 1272 1276 1283 1301 1302 \
      1304 1305 1313 1315 1317 1321 1330 1332 1336 1339 1347 1351 1352 1380 1386 1401 1404 1407 1410 1412 1413 1419 1434 1440 \
      1443 1445 1463 1470 1475 1478 1484 1502 1508 1513 1516 1517 1518 1540 1551 1561 1567 1570 1571 1585 1586 1603 1607 1609 \
      1610 1614 1616 1617 1631 1646 1667 1678 1680 1681 1703 1704 1706 1716 1717 1718 1724 1727 1732 1734 1740 1743 1754 1757 \
      1762 1765 1770 1772 1774 1781 1786 1802 1803 1804 1810 1813 1814 1828 1838 1843 1845 1848 1854 1856 1857 1859 1860 1862 \
      1863 1864 1865 1878 1904 1908 1910 1912 1914 1917 1919 1929 1934 1937 1941 1947 1954 1959 1973 1978 1980 1984 1989"),
    (&["America/New_York", "America/Chicago"], "1219 1270 1364 1423 1574 1606 1812 1850 1906 1930"),
    (&["America/Chicago"],
     "1205 1210 1214 1217 1218 1224 1225 1228 1251 1254 1256 1262 1281 1309 1312 1314 1316 1318 1319 1320 1325 1331 1334 1337 \
      1346 1361 1402 1405 1409 1414 1417 1430 1432 1469 1479 1501 1504 1507 1512 1515 1531 1534 1539 1563 1573 1580 1601 1608 \
      1612 1615 1618 1629 1630 1636 1641 1651 1660 1662 1682 1708 1712 1713 1715 1726 1731 1737 1763 1769 1773 1779 1806 1815 \
      1816 1817 1830 1832 1847 1870 1872 1901 1903 1913 1918 1920 1931 1936 1938 1940 1952 1956 1972 1979 1985"),
    (&["America/Chicago", "America/Denver"], "1308 1605 1620 1701 1785"),
    (&["America/Denver"], "1303 1307 1385 1406 1435 1505 1575 1719 1720 1801 1915 1970"),
    (&["America/Denver", "America/Phoenix"], "1480 1520 1602 1928"),
    (&["America/Phoenix"], "1623"),
    (&["America/Boise", "America/Los_Angeles"], "1208 1458 1541 1775 1986"),
    (&["America/Los_Angeles"],
     "1206 1209 1213 1253 1279 1310 1323 1341 1360 1408 1415 1424 1425 1442 1503 1509 1510 1530 1559 1562 1564 1619 1626 1650 \
      1657 1661 1669 1702 1707 1714 1725 1747 1760 1805 1818 1820 1831 1858 1909 1916 1925 1949 1951 1971"),
    (&["America/Juneau", "America/Anchorage", "America/Adak"], "1907"),
    (&["Pacific/Honolulu"], "1808"),
    (&["America/St_Johns", "America/Halifax"], "1709"),
    (&["America/Halifax"], "1506 1782 1902"),
    (&["America/Halifax", "America/Toronto"], "1418 1581"),
    (&["America/Toronto"],
     "1226 1249 1289 1343 1365 1416 1438 1450 1514 1519 1548 1579 1613 1647 1705 1819 1873 1905"),
    (&["America/Toronto", "America/Winnipeg"], "1807"),
    (&["America/Winnipeg"], "1204 1431"),
    (&["America/Winnipeg", "America/Regina"], "1306 1639"),
    (&["America/Edmonton"], "1403 1587 1780 1825"),
    (&["America/Edmonton", "America/Vancouver"], "1236 1250 1778"),
    (&["America/Vancouver"], "1604"),
    (&["America/Toronto", "America/Winnipeg", "America/Edmonton", "America/Vancouver", "America/Whitehorse"], "1867"),
    (&["America/Nassau"], "1242"), (&["America/Barbados"], "1246"), (&["America/Anguilla"], "1264"),
    (&["America/Antigua"], "1268"), (&["America/Tortola"], "1284"), (&["America/St_Thomas"], "1340"),
    (&["America/Cayman"], "1345"), (&["Atlantic/Bermuda"], "1441"), (&["America/Grenada"], "1473"),
    (&["America/Grand_Turk"], "1649"), (&["America/Jamaica"], "1658 1876"), (&["America/Montserrat"], "1664"),
    (&["America/Lower_Princes"], "1721"), (&["America/St_Lucia"], "1758"), (&["America/Dominica"], "1767"),
    (&["America/St_Vincent"], "1784"), (&["America/Puerto_Rico"], "1787 1939"),
    (&["America/Santo_Domingo"], "1809 1829 1849"), (&["America/Port_of_Spain"], "1868"), (&["America/St_Kitts"], "1869"),
    (&["Africa/Kinshasa"], "2431 2433 2434 2435 2436"), (&["Africa/Lubumbashi"], "2432"),
    (&["America/Nuuk"], "2993 2996 2998"),
    (&["Europe/Madrid"], "345 346 347 348 349"), (&["Atlantic/Canary"], "34822 34827 34828 34922 34928"),
    (&["Europe/Lisbon"], "3512"), (&["Atlantic/Azores"], "351292 351295 351296"),
    (&["America/Mexico_City"], "522 523 524 525 527 528"),
    (&["America/Mazatlan", "America/Mexico_City"], "52311 52319 52323 52324 52325 52327 52389 5262 5263 5269"),
    (&["America/Tijuana"], "52616 52646 52658 52661 52664 52665 52686"), (&["America/Hermosillo"], "52656"),
    (&["America/Cancun"], "52983 52984 52987 52998"),
    (&["America/Sao_Paulo"], "551 552 553 554 5551 5553 5554 5555 5561 5562 5563 5564 557 5598 5599"),
    (&["America/Manaus"], "5565 5566 5567 5569 5592 5595 5597"), (&["America/Rio_Branco"], "5568"),
    (&["America/Santiago"], "562 5633 5634 5635 5641 5642 5643 5645 5663 5664 5665 5667"), (&["Pacific/Easter"], "5632"),
    (&["America/Guayaquil"], "5932 5933 5934 5936 5937"),
    (&["Australia/Sydney"], "612 613"), (&["Australia/Brisbane", "Australia/Sydney"], "617"),
    (&["Australia/Perth", "Australia/Adelaide", "Australia/Darwin"], "618"),
    (&["Asia/Jakarta"], "622 6231 6232 6233 6234 6235 6256 626 627"), (&["Asia/Makassar"], "6236 6238 624 6254 6255"),
    (&["Asia/Jayapura"], "6290 6291 6292 6298"),
    (&["Pacific/Auckland"], "643 644 646 647 649"), (&["Pacific/Auckland", "Pacific/Chatham"], "643305"),
    (&["Europe/Kaliningrad"], "740"), (&["Europe/Samara"], "7341 7842 7846 7848 7851"),
    (&["Europe/Moscow"], "736 747 748 749 781 782 783 7841 7843 7844 7845 7847 7855 786 787"),
    (&["Asia/Yekaterinburg"], "734 735"), (&["Asia/Omsk"], "7381"), (&["Asia/Novosibirsk"], "7382 7383"),
    (&["Asia/Krasnoyarsk"], "7384 7385 7388 7390 7391 7394"), (&["Asia/Irkutsk"], "7301 7395"),
    (&["Asia/Yakutsk"], "7302 7411 7416"), (&["Asia/Vladivostok"], "7421 7423 7426"), (&["Asia/Sakhalin"], "7424"),
    (&["Asia/Magadan"], "7413"), (&["Asia/Kamchatka"], "7415 7427"), (&["Asia/Almaty", "Asia/Aqtobe"], "733 771 772"),
    (&["Asia/Ulaanbaatar"], "97611 97612 97613 97615 97621 97622 97623 97625"), (&["Asia/Hovd"], "97614 97624"),
];

/// The time zones of the area that a number in full is of; none where that is not known.
pub fn zones(number: &str) -> &'static [&'static str] {
    let Some(digits) = number.strip_prefix('+') else { return &[] };
    let of = |(zones, codes): &(&'static [&'static str], &'static str)| {
        let fits = codes.split(' ').filter(|code| digits.starts_with(code));
        Some((fits.map(str::len).max()?, *zones))
    };
    AREAS.iter().filter_map(of).max_by_key(|(length, _)| *length).map_or(&[], |(_, zones)| zones)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hours;

    #[test]
    fn every_zone_is_one_and_no_code_stands_twice() {
        let mut codes: Vec<_> = AREAS.iter().flat_map(|(_, codes)| codes.split(' ')).collect();
        let count = codes.len();
        codes.sort_unstable();
        codes.dedup();
        assert_eq!((codes.len(), count > 400), (count, true));
        assert!(
            codes.iter().all(|code| code.len() > 2 && code.bytes().all(|b| b.is_ascii_digit()))
        );
        for zone in AREAS.iter().flat_map(|(zones, _)| *zones) {
            assert!(hours::zone(zone).is_some(), "{zone}");
        }
    }

    #[test]
    fn a_number_is_where_its_area_is_and_in_all_of_them_where_that_has_several() {
        assert_eq!(zones("+14155551200"), ["America/Los_Angeles"]);
        assert_eq!(zones("+12125551200"), ["America/New_York"]);
        assert_eq!(zones("+18505551200"), ["America/New_York", "America/Chicago"]);
        assert_eq!(zones("+18085551200"), ["Pacific/Honolulu"]);
        assert_eq!(zones("+13065551200"), ["America/Winnipeg", "America/Regina"]);
        assert_eq!(
            zones("+61892001234"),
            ["Australia/Perth", "Australia/Adelaide", "Australia/Darwin"]
        );
        assert_eq!(zones("+34928123456"), ["Atlantic/Canary"]);
        assert_eq!(zones("+18005551200"), [""; 0], "free of charge from anywhere");
        assert_eq!(zones("+61412345678"), [""; 0], "a mobile phone");
        assert_eq!(zones("+4930123456"), [""; 0], "one clock for all");
    }
}
